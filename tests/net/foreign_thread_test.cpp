// Operations on another thread than a source's own. Builds with debug checks refuse them even if
// they would complete at once.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/net/conduit.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <functional>
#include <thread>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::succeeded;

using Use = std::function<Task<>(TcpStream&, TcpListener&)>;

/// Registers a stream with bytes to read, and a listener with a connection to accept, on this
/// thread. Uses them on another thread.
void use_elsewhere(const Use& use) {
  TcpListener listener = test::listen_anywhere();
  test::TcpPair pair;
  Fd client;
  run([&]() -> Task<> {
    static_cast<void>(co_await timeout(1ms, listener.accept()));
    std::array<std::byte, 8> buffer{};
    static_cast<void>(co_await timeout(1ms, pair.server.read(buffer)));
    static_cast<void>(co_await pair.client.write(test::bytes_of("bytes")));
    client = test::connect_to(listener.raw());
    co_await sleep_for(1ms);  // both are known to be ready then
  });
  std::thread([&] { run([&] { return use(pair.server, listener); }); }).join();
}

class ForeignThreadDeathTest : public testing::Test {
 protected:
  ForeignThreadDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  /// Builds without debug checks do not check an operation that need not wait.
  static void is_refused_if_checked(const Use& use, bool also_unchecked = false) {
    const auto use_and_exit = [&] {
      use_elsewhere(use);
      std::_Exit(0);
    };
    if (detail::kDebugChecks || also_unchecked) {
      EXPECT_EXIT(use_and_exit(), testing::KilledBySignal(SIGABRT),
                  "a socket was used on another thread than the one that first waited on it");
    } else {
      EXPECT_EXIT(use_and_exit(), testing::ExitedWithCode(0), "");
    }
  }
};

TEST_F(ForeignThreadDeathTest, AReadThatCouldCompleteStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(succeeded(co_await stream.read(buffer)));
  });
}

TEST_F(ForeignThreadDeathTest, AWriteThatHasRoomStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    EXPECT_TRUE(succeeded(co_await stream.write(test::bytes_of("x"))));
  });
}

TEST_F(ForeignThreadDeathTest, AConduitThatCouldFillStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    Conduit conduit;
    EXPECT_TRUE(succeeded(co_await conduit.fill(stream)));
  });
}

TEST_F(ForeignThreadDeathTest, AWaitForASourceThatIsReadyStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    EXPECT_TRUE(succeeded(co_await stream.writable()));
  });
}

TEST_F(ForeignThreadDeathTest, ATryReadStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    std::array<std::byte, 8> buffer{};
    EXPECT_TRUE(succeeded(stream.try_read(buffer)));
    co_return;
  });
}

TEST_F(ForeignThreadDeathTest, ATryWriteStopsTheProgram) {
  is_refused_if_checked([](TcpStream& stream, TcpListener&) -> Task<> {
    EXPECT_TRUE(succeeded(stream.try_write(test::bytes_of("x"))));
    co_return;
  });
}

TEST_F(ForeignThreadDeathTest, AShutdownStopsTheProgram) {
  const auto use = [](TcpStream& stream, TcpListener&) -> Task<> {
    EXPECT_TRUE(succeeded(stream.shutdown(ShutdownHow::write)));
    co_return;
  };
  // Where no edge follows a shutdown, the shutdown wakes the waiters, and so checks the thread.
  is_refused_if_checked(use, NeedsRearm<PlatformReactor>);
}

TEST_F(ForeignThreadDeathTest, AnAcceptThatCouldCompleteStopsTheProgram) {
  is_refused_if_checked([](TcpStream&, TcpListener& listener) -> Task<> {
    EXPECT_TRUE(succeeded(co_await listener.accept()));
  });
}

}  // namespace
}  // namespace eddy
