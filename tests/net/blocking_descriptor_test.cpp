// Descriptors that may block are refused with a message.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace eddy {
namespace {

using test::run;
using test::succeeded;

Fd made_blocking(Fd fd) {
  EXPECT_EQ(::fcntl(fd.raw(), F_SETFL, ::fcntl(fd.raw(), F_GETFL) & ~O_NONBLOCK), 0);
  return fd;
}

class BlockingDescriptorDeathTest : public testing::Test {
 protected:
  BlockingDescriptorDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(BlockingDescriptorDeathTest, InATcpListenerStopsTheProgramAndSaysWhatToDo) {
  Fd socket = made_blocking(test::listen_on_loopback());
  EXPECT_EXIT(
      TcpListener(std::move(socket)), testing::KilledBySignal(SIGABRT),
      "a TcpListener was given the blocking descriptor [0-9]+, whose calls would stop every "
      "task; make it non-blocking first \\(fcntl with O_NONBLOCK; a service manager has an "
      "option for it: NonBlocking=yes of systemd\\)");
}

TEST_F(BlockingDescriptorDeathTest, InATcpStreamStopsTheProgram) {
  Fd socket = made_blocking(std::move(test::connected_sockets().client));
  EXPECT_EXIT(TcpStream(std::move(socket)), testing::KilledBySignal(SIGABRT),
              "a TcpStream was given the blocking descriptor");
}

TEST_F(BlockingDescriptorDeathTest, InAnIoSourceStopsTheProgramAtTheFirstWait) {
  const auto wait = [] {
    IoSource source(made_blocking(std::move(sys::create_pipe().value().reader)));
    run([&]() -> Task<> { static_cast<void>(co_await source.readable()); });
  };
  EXPECT_EXIT(wait(), testing::KilledBySignal(SIGABRT),
              "an IoSource was given the blocking descriptor");
}

// The calls that drain the source would block before any task waits.
TEST_F(BlockingDescriptorDeathTest, InAnIoSourceThatIsReadyAtOnceStopsTheProgramToo) {
  const auto wait = [] {
    IoSource source(made_blocking(std::move(sys::create_pipe().value().writer)));
    run([&]() -> Task<> { static_cast<void>(co_await source.writable()); });
  };
  EXPECT_EXIT(wait(), testing::KilledBySignal(SIGABRT),
              "an IoSource was given the blocking descriptor");
}

TEST(BlockingDescriptor, IsAcceptedOnceItIsNonBlocking) {
  Fd socket = made_blocking(test::listen_on_loopback());
  ASSERT_TRUE(succeeded(sys::set_nonblocking(socket.raw())));
  TcpListener listener(std::move(socket));
  run([&]() -> Task<> {
    const auto accept = [](TcpListener& from) -> Task<Result<Accepted>> {
      co_return co_await from.accept();
    };
    JoinHandle<Result<Accepted>> accepted = spawn(accept, std::ref(listener));
    EXPECT_TRUE(succeeded(co_await TcpStream::connect(test::address_of(listener))));
    const auto outcome = co_await accepted;
    EXPECT_TRUE(outcome && succeeded(*outcome));
  });
}

TEST(BlockingDescriptor, AnInvalidDescriptorIsNotCalledBlocking) {
  EXPECT_FALSE(TcpStream(Fd()).local_address());
  EXPECT_FALSE(TcpListener(Fd()).local_address());
}

}  // namespace
}  // namespace eddy
