// Calls that a sandbox always refuses, and signals that come at a bad moment.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/bytes.hpp"
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
