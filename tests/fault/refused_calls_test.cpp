// Calls that a sandbox always refuses, and signals that come at a bad moment.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/bytes.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

TEST(RefusedCalls, AcceptBacksOffAndGoesOnWhenItMay) {
  TcpListener listener = test::listen_anywhere();
  run([&]() -> Task<> {
    const Fd client = test::connect_to(listener.raw());
    fault::reset_counts();
    {
      const fault::Refused refused(fault::Call::accept, EPERM);
      const auto accepted = co_await timeout(35ms, listener.accept());
      EXPECT_TRUE(failed_with(accepted, std::errc::timed_out));
    }
    EXPECT_LE(fault::count_of(fault::Call::accept), 4U * 65U) << "it spins";
    EXPECT_TRUE(succeeded(co_await listener.accept()));
  });
}

// The option that fails is met before the connect.
TEST(RefusedCalls, AnOptionOfAConnectThatIsRefusedIsItsErrorAndNothingConnects) {
  const TcpListener listener = test::listen_anywhere();
  const ConnectOptions options{.source = SocketAddress::loopback(0),
                               .nodelay = true,
                               .keep_alive = KeepAlive{},
                               .send_buffer_size = 1 << 16,
                               .receive_buffer_size = 1 << 16};
  const auto connect = [&] {
    fault::reset_counts();
    return block_on(TcpStream::connect(test::address_of(listener), options));
  };
  EXPECT_TRUE(succeeded(connect()));
  EXPECT_EQ(fault::count_of(fault::Call::set_option), 7U);
  EXPECT_EQ(fault::count_of(fault::Call::bind), 1U);
  const std::size_t descriptors = test::count_descriptors();
  for (std::size_t k = 0; k < 7; ++k) {
    fault::arm_call(fault::Call::set_option, fault::Kind::error(ENOBUFS), k);
    EXPECT_TRUE(failed_with(connect(), std::errc::no_buffer_space));
    EXPECT_TRUE(fault::disarm().has_value());
    EXPECT_EQ(fault::count_of(fault::Call::connect), 0U);
  }
  fault::arm_call(fault::Call::bind, fault::Kind::error(EADDRINUSE));
  EXPECT_TRUE(failed_with(connect(), std::errc::address_in_use));
  EXPECT_TRUE(fault::disarm().has_value());
  EXPECT_EQ(fault::count_of(fault::Call::connect), 0U);
  EXPECT_EQ(test::count_descriptors(), descriptors);
}

class RefusedSplice : public testing::TestWithParam<int> {};

TEST_P(RefusedSplice, MakesTheConduitCopyThroughItsBuffer) {
  TcpPair in;
  TcpPair out;
  const std::vector<std::byte> sent = test::pattern(300'000);
  std::vector<std::byte> got(sent.size());
  run([&]() -> Task<> {
    const fault::Refused refused(fault::Call::splice_from_socket, GetParam());
    const auto send = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await in.client.write_all(sent)));
      in.client.close();
    };
    const auto copy = [&]() -> Task<> {
      Conduit conduit;
      for (;;) {
        const Result<std::size_t> filled = co_await conduit.fill(in.server);
        EXPECT_TRUE(succeeded(filled));
        if (filled.value_or(0) == 0) break;
        while (!conduit.empty()) EXPECT_TRUE(succeeded(co_await conduit.drain(out.client)));
      }
      out.client.close();
    };
    JoinHandle<void> sending = spawn(send);
    JoinHandle<void> copying = spawn(copy);
    EXPECT_TRUE(succeeded(co_await out.server.read_exact(got)));
    (void)co_await sending;
    (void)co_await copying;
  });
  EXPECT_EQ(got, sent);
}

INSTANTIATE_TEST_SUITE_P(Errors, RefusedSplice, testing::Values(EPERM, ENOSYS));

TEST(SignalSet, ASignalThatComesAsItsHandlerIsInstalledIsReported) {
  run([]() -> Task<> {
    fault::raise_when_installed(SIGUSR1);
    SignalSet set = std::move(SignalSet::create({SIGUSR1}).value());
    const Result<int> heard = co_await timeout(1h, set.next());
    EXPECT_EQ(heard, Result<int>(SIGUSR1));
  });
}

}  // namespace
}  // namespace eddy
