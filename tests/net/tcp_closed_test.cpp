// `closed`: waits for the end of a connection without reading.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

constexpr auto kLimit = 20s;  // a test that hangs fails

void reset(TcpStream& stream) {
  EXPECT_TRUE(succeeded(stream.set_reset_on_close(true)));
  stream.close();
}

Task<Result<>> wait_until_closed(TcpStream& stream, bool& over) {
  const Result<> closed = co_await stream.closed();
  over = true;
  co_return closed;
}

/// Reads the end of the peer's stream.
Task<> read_end(TcpStream& stream) {
  std::array<std::byte, 16> bytes{};
  const Result<std::size_t> n = co_await timeout(kLimit, stream.read(bytes));
  EXPECT_EQ(n, Result<std::size_t>(0));
}

/// Sends and reads one byte: the connection works, and the loop has looked at the reactor.
Task<> exchange(TcpStream& from, TcpStream& to) {
  std::array<std::byte, 1> byte{};
  EXPECT_TRUE(succeeded(co_await from.write_all(byte)));
  EXPECT_TRUE(succeeded(co_await timeout(kLimit, to.read_exact(byte))));
}

TEST(TcpClosed, CompletesWhenThePeerResets) {
  TcpPair pair;
  run([&]() -> Task<> {
    bool over = false;
    JoinHandle<Result<>> waiting = spawn(wait_until_closed, std::ref(pair.server), std::ref(over));
    co_await exchange(pair.client, pair.server);
    co_await exchange(pair.server, pair.client);
    EXPECT_FALSE(over);
    reset(pair.client);
    EXPECT_TRUE(succeeded(*co_await waiting));
  });
}

TEST(TcpClosed, CompletesWhenAPeerThatHasEndedItsStreamResets) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    co_await read_end(pair.server);
    bool over = false;
    JoinHandle<Result<>> waiting = spawn(wait_until_closed, std::ref(pair.server), std::ref(over));
    for (int i = 0; i < 10; ++i) co_await exchange(pair.server, pair.client);
    EXPECT_FALSE(over) << "a half-close is not the end";
    reset(pair.client);
    EXPECT_TRUE(succeeded(*co_await waiting));
  });
}

TEST(TcpClosed, CompletesWhenBothSidesHaveEndedTheirStreams) {
  TcpPair pair;
  run([&]() -> Task<> {
    bool over = false;
    JoinHandle<Result<>> waiting = spawn(wait_until_closed, std::ref(pair.server), std::ref(over));
    const auto end = [&]() -> Task<> {
      co_await yield_now();
      EXPECT_TRUE(succeeded(pair.client.shutdown(ShutdownHow::write)));
    };
    co_await when_all(read_end(pair.server),
                      end());  // waits for the end, so that every backend polls for it
    EXPECT_FALSE(over);
    EXPECT_TRUE(succeeded(pair.server.shutdown(ShutdownHow::write)));
    EXPECT_TRUE(succeeded(*co_await waiting));
  });
}

TEST(TcpClosed, CompletesAtOnceIfTheEndWasReportedBefore) {
  TcpPair pair;
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<Result<>> {
      co_return co_await timeout(kLimit, pair.server.closed());
    };
    JoinHandle<Result<>> waiting = spawn(wait);
    co_await yield_now();
    reset(pair.client);
    EXPECT_TRUE(succeeded(*co_await waiting));
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.server.closed())));
  });
}

TEST(TcpClosed, CompletesIfItIsTheFirstWaitAfterTheReset) {
  TcpPair pair;
  run([&]() -> Task<> {
    reset(pair.client);
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.server.closed())));
  });
}

TEST(TcpClosed, WakesEveryTaskThatWaits) {
  TcpPair pair;
  run([&]() -> Task<> {
    std::vector<JoinHandle<Result<>>> waiting;
    const auto wait = [&]() -> Task<Result<>> {
      co_return co_await timeout(kLimit, pair.server.closed());
    };
    for (int i = 0; i < 3; ++i) waiting.push_back(spawn(wait));
    co_await yield_now();
    reset(pair.client);
    for (JoinHandle<Result<>>& one : waiting) EXPECT_TRUE(succeeded(*co_await one));
  });
}

TEST(TcpClosed, TakesNothingFromAReadThatWaitsBesideIt) {
  TcpPair pair;
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<Result<>> {
      co_return co_await timeout(kLimit, pair.server.closed());
    };
    JoinHandle<Result<>> waiting = spawn(wait);
    for (int i = 0; i < 10; ++i) co_await exchange(pair.client, pair.server);
    std::array<std::byte, 1> byte{};
    const auto read = [&]() -> Task<Result<std::size_t>> {
      co_return co_await timeout(kLimit, pair.server.read(byte));
    };
    JoinHandle<Result<std::size_t>> reading = spawn(read);
    co_await yield_now();
    reset(pair.client);
    EXPECT_TRUE(failed_with(*co_await reading, std::errc::connection_reset));
    EXPECT_TRUE(succeeded(*co_await waiting));
  });
}

TEST(TcpClosed, CanBeCancelledAndBegunAgain) {
  TcpPair pair;
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, pair.server.closed()), std::errc::timed_out));
    co_await exchange(pair.client, pair.server);
    EXPECT_TRUE(failed_with(co_await timeout(1ms, pair.server.closed()), std::errc::timed_out));
    reset(pair.client);
    EXPECT_TRUE(succeeded(co_await timeout(kLimit, pair.server.closed())));
  });
}

TEST(TcpClosed, EndsWithOperationCanceledWhenTheStreamIsClosedOrWasClosed) {
  TcpPair pair;
  run([&]() -> Task<> {
    bool over = false;
    JoinHandle<Result<>> waiting = spawn(wait_until_closed, std::ref(pair.server), std::ref(over));
    co_await yield_now();
    pair.server.close();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
    EXPECT_TRUE(failed_with(co_await pair.server.closed(), std::errc::operation_canceled));
  });
}

TEST(TcpClosed, WorksOnEitherHalf) {
  TcpPair pair;
  run([&]() -> Task<> {
    auto [reader, writer] = std::move(pair.server).split();
    const auto wait_r = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await timeout(kLimit, reader.closed())));
    };
    const auto wait_w = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await timeout(kLimit, writer.closed())));
    };
    const auto end = [&]() -> Task<> {
      co_await yield_now();
      reset(pair.client);
    };
    co_await when_all(wait_r(), wait_w(), end());
  });
}

}  // namespace
}  // namespace eddy
