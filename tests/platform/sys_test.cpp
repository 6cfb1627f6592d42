// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"

#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

namespace eddy {
namespace {

using test::bytes_of;
using test::failed_with;
using test::is_close_on_exec;
using test::is_nonblocking;
using test::is_open;
using test::succeeded;
using test::text_of;

TEST(Sys, EveryDescriptorIsCloseOnExecAndNonBlockingFromBirth) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  const Pipe bell = std::move(sys::create_bell().value());
  const Fd copy = std::move(sys::duplicate(pipe.reader.raw()).value());
  const Fd socket = std::move(sys::create_stream_socket(SocketAddress::Family::v6).value());
  for (const Fd* fd : {&pipe.reader, &pipe.writer, &bell.reader, &bell.writer, &copy, &socket}) {
    EXPECT_TRUE(is_close_on_exec(fd->raw()));
    EXPECT_TRUE(is_nonblocking(fd->raw()));
  }
  EXPECT_TRUE(is_close_on_exec(sys::open_reserve()->raw()));
}

// moduvex_runtime accepted sockets without close-on-exec, and leaked them on an error.
TEST(Sys, AcceptedSocketsAreCloseOnExecAndNonBlocking) {
  const Fd listener = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  ASSERT_TRUE(succeeded(sys::bind(listener.raw(), SocketAddress::loopback(0))));
  ASSERT_TRUE(succeeded(sys::listen(listener.raw(), 8)));
  const Fd client = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  static_cast<void>(sys::connect(client.raw(), sys::local_address(listener.raw()).value()));
  pollfd entry{listener.raw(), POLLIN, 0};
  ASSERT_EQ(::poll(&entry, 1, 10'000), 1);

  SocketAddress peer;
  const Result<Fd> accepted = sys::accept(listener.raw(), &peer);

  ASSERT_TRUE(succeeded(accepted));
  EXPECT_TRUE(is_close_on_exec(accepted->raw()));
  EXPECT_TRUE(is_nonblocking(accepted->raw()));
  EXPECT_EQ(peer, sys::local_address(client.raw()).value());
}

TEST(Sys, APipeCarriesBytesOneWay) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  std::array<std::byte, 8> buffer{};
  EXPECT_TRUE(failed_with(sys::read(pipe.reader.raw(), buffer), std::errc::operation_would_block));
  EXPECT_EQ(sys::write(pipe.writer.raw(), bytes_of("hello")).value(), 5U);
  EXPECT_EQ(sys::read(pipe.reader.raw(), buffer).value(), 5U);
  EXPECT_EQ(text_of(std::span(buffer).first(5)), "hello");
}

TEST(Sys, ErrorsCarryTheSystemsNumbers) {
  std::array<std::byte, 1> buffer{};
  const Result<std::size_t> read = sys::read(kNoSource, buffer);
  ASSERT_FALSE(read);
  EXPECT_TRUE(sys::is(read.error(), std::errc::bad_file_descriptor));
  EXPECT_FALSE(sys::is(read.error(), std::errc::interrupted));
  EXPECT_EQ(read.error().value(), EBADF);
}

TEST(Sys, SetNonblockingKeepsTheOtherFlags) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const Fd reader(ends[0]);
  const Fd writer(ends[1]);
  const int before = ::fcntl(reader.raw(), F_GETFL);
  ASSERT_FALSE(is_nonblocking(reader.raw()));
  ASSERT_TRUE(succeeded(sys::set_nonblocking(reader.raw())));
  EXPECT_EQ(::fcntl(reader.raw(), F_GETFL), before | O_NONBLOCK);
  EXPECT_TRUE(failed_with(sys::set_nonblocking(kNoSource), std::errc::bad_file_descriptor));
}

TEST(Sys, PollNowReportsWhatIsReadyNow) {
  Pipe pipe = std::move(sys::create_pipe().value());
  const Interest both = Interest::readable | Interest::writable;
  EXPECT_EQ(sys::poll_now(pipe.reader.raw(), Interest::readable).value(), Interest::none);
  EXPECT_EQ(sys::poll_now(pipe.writer.raw(), both).value(), Interest::writable);
  ASSERT_TRUE(succeeded(sys::write(pipe.writer.raw(), bytes_of("x"))));
  EXPECT_EQ(sys::poll_now(pipe.reader.raw(), Interest::readable).value(), Interest::readable);
}

TEST(Sys, PollNowCountsHangUpAsBothDirections) {
  Pipe pipe = std::move(sys::create_pipe().value());
  pipe.writer.reset();
  EXPECT_EQ(sys::poll_now(pipe.reader.raw(), Interest::readable).value(),
            Interest::readable | Interest::writable);
  EXPECT_TRUE(sys::poll_now(9999, Interest::writable)->contains(Interest::writable));
}

TEST(Sys, OptionsAreReadAsTheyWereSet) {
  const Fd socket = std::move(sys::create_stream_socket(SocketAddress::Family::v4).value());
  const RawSource raw = socket.raw();
  for (const SocketOption option : {SocketOption::reuse_address, SocketOption::reuse_port,
                                    SocketOption::no_delay, SocketOption::keep_alive}) {
    EXPECT_EQ(sys::get_option(raw, option).value(), 0);
    ASSERT_TRUE(succeeded(sys::set_option(raw, option, 1)));
    EXPECT_NE(sys::get_option(raw, option).value(), 0);
  }
  for (const SocketOption option :
       {SocketOption::keep_alive_idle, SocketOption::keep_alive_interval,
        SocketOption::keep_alive_count}) {
    ASSERT_TRUE(succeeded(sys::set_option(raw, option, 7)));
    EXPECT_EQ(sys::get_option(raw, option).value(), 7);
  }
  EXPECT_EQ(sys::get_option(raw, SocketOption::reset_on_close).value(), 0);
  ASSERT_TRUE(succeeded(sys::set_option(raw, SocketOption::reset_on_close, 1)));
  EXPECT_EQ(sys::get_option(raw, SocketOption::reset_on_close).value(), 1);
  ASSERT_TRUE(succeeded(sys::set_option(raw, SocketOption::reset_on_close, 0)));
  EXPECT_EQ(sys::get_option(raw, SocketOption::reset_on_close).value(), 0);
  EXPECT_FALSE(sys::get_option(kNoSource, SocketOption::no_delay));
  EXPECT_FALSE(sys::get_option(kNoSource, SocketOption::reset_on_close));
}

TEST(Sys, AddressesGoToTheKernelAndBack) {
  for (const SocketAddress& address :
       {SocketAddress::loopback(0), SocketAddress::parse("[::1]:0").value()}) {
    const Fd socket = std::move(sys::create_stream_socket(address.family()).value());
    ASSERT_TRUE(succeeded(sys::bind(socket.raw(), address)));
    const SocketAddress bound = sys::local_address(socket.raw()).value();
    EXPECT_EQ(bound.family(), address.family());
    EXPECT_EQ(bound.bytes(), address.bytes());
    EXPECT_NE(bound.port(), 0);
    EXPECT_TRUE(failed_with(sys::peer_address(socket.raw()), std::errc::not_connected));
  }
}

TEST(Sys, AnAddressOfAnotherFamilyIsAnError) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd a(ends[0]);
  const Fd b(ends[1]);
  EXPECT_TRUE(failed_with(sys::local_address(a.raw()), std::errc::address_family_not_supported));
}

TEST(Sys, SendingToAClosedPeerIsAnErrorAndRaisesNoSignal) {
  const test::SocketPair pair = test::connected_sockets();
  const std::array<std::span<const std::byte>, 1> slices = {bytes_of("x")};
  for (const Fd* socket : {&pair.client, &pair.server}) {  // one connected, one accepted
    ASSERT_TRUE(succeeded(sys::shutdown(socket->raw(), ShutdownHow::write)));
    EXPECT_TRUE(failed_with(sys::send(socket->raw(), bytes_of("x")), std::errc::broken_pipe));
    EXPECT_TRUE(failed_with(sys::send_vectored(socket->raw(), slices), std::errc::broken_pipe));
  }
}

TEST(Sys, VectoredTransfersKeepTheOrder) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const Fd a(ends[0]);
  const Fd b(ends[1]);
  const std::array<std::span<const std::byte>, 3> out = {bytes_of("one"), bytes_of(""),
                                                         bytes_of("two")};
  ASSERT_EQ(sys::send_vectored(a.raw(), out).value(), 6U);
  std::array<std::byte, 2> first{};
  std::array<std::byte, 8> second{};
  const std::array<std::span<std::byte>, 2> in = {std::span(first), std::span(second)};
  ASSERT_EQ(sys::receive_vectored(b.raw(), in).value(), 6U);
  EXPECT_EQ(text_of(first), "on");
  EXPECT_EQ(text_of(std::span(second).first(4)), "etwo");
}

TEST(Sys, MappedMemoryIsZeroAndAlignedToItsSizeAndGoesBack) {
  for (const std::size_t size :
       {std::size_t{1} << 16, std::size_t{1} << 18, std::size_t{1} << 16}) {
    auto* const memory = static_cast<std::byte*>(sys::map_memory(size));
    ASSERT_NE(memory, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(memory) % size, 0U);
    EXPECT_TRUE(std::all_of(memory, memory + size, [](std::byte b) { return b == std::byte{}; }));
    std::fill(memory, memory + size, std::byte{1});
    EXPECT_TRUE(sys::unmap_memory(memory, size));
    EXPECT_NE(::msync(memory, size, MS_ASYNC), 0);
    EXPECT_EQ(errno, ENOMEM);
  }
}

int callback_errno = 0;

TEST(Sys, TheSignalHandlerSavesErrno) {
  ASSERT_TRUE(succeeded(sys::install_signal(SIGUSR1, [](int number) noexcept {
    callback_errno = number;
    errno = EXDEV;
  })));
  errno = ENOTTY;
  std::raise(SIGUSR1);
  EXPECT_EQ(errno, ENOTTY);
  EXPECT_EQ(callback_errno, SIGUSR1);
  EXPECT_TRUE(succeeded(sys::restore_signal(SIGUSR1)));
}

TEST(Sys, ANumberThatIsNoSignalIsRefused) {
  const auto nothing = [](int) noexcept {};
  for (const int number : {-1, 0, 65, 1000, SIGKILL, SIGSTOP}) {
    EXPECT_TRUE(failed_with(sys::install_signal(number, nothing), std::errc::invalid_argument))
        << number;
  }
  EXPECT_TRUE(failed_with(sys::restore_signal(0), std::errc::invalid_argument));
  EXPECT_TRUE(failed_with(sys::restore_signal(65), std::errc::invalid_argument));
}

}  // namespace
}  // namespace eddy
