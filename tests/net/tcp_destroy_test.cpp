// Streams that are destroyed while a task uses them, and use of one stream on two threads.
// SPDX-License-Identifier: MIT
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_listener.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/loop.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"
#include "support/run.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::bytes_of;
using test::failed_with;
using test::run;
using test::succeeded;
using test::TcpPair;

// On the heap, so that a sanitizer reports a use after the destruction.
class TcpDestroyed : public testing::Test {
 protected:
  Task<> read() {
    std::array<std::byte, 8> buffer{};
    read_ = co_await stream_->read(buffer);
  }
  Task<> write() { written_ = co_await stream_->write_all(bytes_of("x")); }

  test::SocketPair sockets_ = test::connected_sockets();
  std::unique_ptr<TcpStream> stream_ = std::make_unique<TcpStream>(std::move(sockets_.server));
  TcpStream peer_{std::move(sockets_.client)};
  std::optional<Result<std::size_t>> read_;
  std::optional<Result<>> written_;
};

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST_F(TcpDestroyed, WhileTasksWaitEndsTheirOperationsWithOperationCanceled) {
  test::fill(stream_->raw());
  run([&]() -> Task<> {
    JoinHandle<void> reading = spawn([&]() -> Task<> { co_await read(); });
    JoinHandle<void> writing = spawn([&]() -> Task<> { co_await write(); });
    co_await yield_now();
    stream_.reset();
    (void)co_await reading;
    (void)co_await writing;
  });
  EXPECT_TRUE(failed_with(*read_, std::errc::operation_canceled));
  EXPECT_TRUE(failed_with(*written_, std::errc::operation_canceled));
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST_F(TcpDestroyed, BetweenTheWakeAndTheTurnOfAReaderItsReadIsCancelled) {
  run([&]() -> Task<> {
    JoinHandle<void> reading = spawn([&]() -> Task<> { co_await read(); });
    co_await yield_now();
    test::send_text(peer_.raw(), "hello");
    test::poll_until_woken();
    stream_.reset();
    (void)co_await reading;
  });
  EXPECT_TRUE(failed_with(*read_, std::errc::operation_canceled));
}

TEST_F(TcpDestroyed, ClosingTheStreamEndsAReadThatWaitsWithOperationCanceled) {
  run([&]() -> Task<> {
    JoinHandle<void> reading = spawn([&]() -> Task<> { co_await read(); });
    co_await yield_now();
    stream_->close();
    (void)co_await reading;
  });
  EXPECT_TRUE(failed_with(*read_, std::errc::operation_canceled));
}

// moduvex_runtime ran wakers while the reactor was borrowed: dropping a source there panicked.
TEST_F(TcpDestroyed, AStreamMayBeDestroyedByTheTaskThatItWoke) {
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      co_await read();
      stream_.reset();
    };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    test::send_text(peer_.raw(), "hello");
    (void)co_await reading;
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ((co_await peer_.read(buffer)).value(), 0U);
  });
  EXPECT_EQ(read_->value(), 5U);
}

TEST_F(TcpDestroyed, ByOneOfTwoTasksThatItWokeCancelsTheOther) {
  run([&]() -> Task<> {
    const auto destroyer = [&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await stream_->readable()));
      stream_.reset();
    };
    JoinHandle<void> first = spawn(destroyer);
    JoinHandle<void> second = spawn([&]() -> Task<> { co_await read(); });
    co_await yield_now();
    test::send_text(peer_.raw(), "hello");
    (void)co_await first;
    (void)co_await second;
  });
  EXPECT_TRUE(failed_with(*read_, std::errc::operation_canceled));
}

TEST_F(TcpDestroyed, ACancelledTaskThatReadsClosesItsStream) {
  const std::size_t before = test::count_descriptors_with_loop();
  run([&]() -> Task<> {
    const auto owner = [](TcpStream stream) -> Task<> {
      std::array<std::byte, 8> buffer{};
      static_cast<void>(co_await stream.read(buffer));
    };
    JoinHandle<void> owning = spawn(owner, std::move(*stream_));
    co_await yield_now();
    owning.abort();
    (void)co_await owning;
  });
  EXPECT_EQ(test::count_descriptors_with_loop(), before - 1);
}

class TcpStreamDeathTest : public testing::Test {
 protected:
  TcpStreamDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  /// Reads a byte that is sent when the read waits. From then on the stream is this thread's.
  static void read_one(TcpPair& pair) {
    run([&]() -> Task<> {
      const auto send = [&]() -> Task<> {
        test::send_text(pair.client.raw(), "x");
        co_return;
      };
      JoinHandle<void> sending = spawn(send);
      std::array<std::byte, 1> buffer{};
      EXPECT_EQ((co_await pair.server.read(buffer)).value(), 1U);
      (void)co_await sending;
    });
  }
};

// In moduvex_runtime a task that moved to another thread changed the wrong epoll.
TEST_F(TcpStreamDeathTest, WaitingOnAStreamOfAnotherThreadStopsTheProgram) {
  const auto use_elsewhere = [] {
    TcpPair pair;
    read_one(pair);
    std::thread([&] { read_one(pair); }).join();
  };
  EXPECT_EXIT(use_elsewhere(), testing::KilledBySignal(SIGABRT),
              "a socket was used on another thread than the one that first waited on it");
}

TEST_F(TcpStreamDeathTest, MovingAStreamOnWhichATaskWaitsStopsTheProgram) {
  const auto move_away = [] {
    TcpPair pair;
    run([&]() -> Task<> {
      const auto reader = [&]() -> Task<> {
        std::array<std::byte, 1> buffer{};
        static_cast<void>(co_await pair.server.read(buffer));
      };
      JoinHandle<void> reading = spawn(reader);
      co_await yield_now();
      const TcpStream moved = std::move(pair.server);
    });
  };
  EXPECT_EXIT(move_away(), testing::KilledBySignal(SIGABRT),
              "a socket was moved while a task waits on it");
}

TEST_F(TcpStreamDeathTest, MovingAStreamBetweenAWakeAndTheTurnOfItsTaskStopsTheProgram) {
  const auto move_away = [] {
    TcpPair pair;
    run([&]() -> Task<> {
      std::optional<TcpStream> moved;
      const auto reader = [&]() -> Task<> {
        std::array<std::byte, 1> buffer{};
        static_cast<void>(co_await pair.server.read(buffer));
      };
      const auto mover = [&]() -> Task<> {
        static_cast<void>(co_await pair.server.readable());
        moved.emplace(std::move(pair.server));
      };
      // One edge wakes both, in the order of their waits.
      JoinHandle<void> moving = spawn(mover);
      JoinHandle<void> reading = spawn(reader);
      co_await yield_now();
      EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("x"))));
      static_cast<void>(co_await reading);
    });
  };
  EXPECT_EXIT(move_away(), testing::KilledBySignal(SIGABRT),
              "a socket was moved while a task waits on it");
}

TEST(TcpStream, MayBeMovedByTheTaskThatItHasWoken) {
  TcpPair pair;
  run([&]() -> Task<> {
    const auto reader = [&]() -> Task<> {
      std::array<std::byte, 1> byte{};
      EXPECT_TRUE(succeeded(co_await pair.server.read_exact(byte)));
      TcpStream moved = std::move(pair.server);
      EXPECT_TRUE(succeeded(co_await moved.read_exact(byte)));
    };
    JoinHandle<void> reading = spawn(reader);
    co_await yield_now();
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("x"))));
    co_await yield_now();
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("y"))));
    EXPECT_TRUE((co_await reading).has_value());
  });
}

TEST(TcpStream, MayBeMovedOnceItsWaitsWereCancelled) {
  TcpPair pair;
  BufferPool pool;
  run([&]() -> Task<> {
    const auto move_it = [&] {
      TcpStream moved = std::move(pair.server);
      pair.server = std::move(moved);
    };
    std::array<std::byte, 1> byte{};
    EXPECT_TRUE(failed_with(co_await timeout(1ms, pair.server.read(byte)), std::errc::timed_out));
    move_it();
    EXPECT_TRUE(failed_with(co_await with_deadline(Clock::now(), pair.server.read(pool)),
                            std::errc::timed_out));
    move_it();
    EXPECT_EQ((co_await when_any(pair.server.readable(), sleep_for(1ms))).index(), 1U);
    move_it();
    const auto wait_twice = [&]() -> Task<> {
      co_await when_all(pair.server.read(byte), pair.server.read(pool));
    };
    EXPECT_TRUE(failed_with(co_await timeout(1ms, wait_twice()), std::errc::timed_out));
    move_it();
    // Woken, and aborted before it runs.
    JoinHandle<void> reading = spawn(wait_twice);
    co_await yield_now();
    EXPECT_TRUE(succeeded(co_await pair.client.write_all(bytes_of("x"))));
    reading.abort();
    EXPECT_FALSE((co_await reading).has_value());
    move_it();
    EXPECT_TRUE(succeeded(co_await pair.server.read_exact(byte)));
  });
}

// In moduvex_runtime a task that moved to another thread changed the wrong epoll.
TEST(TcpThreads, AStreamMayGoToTheThreadThatFirstWaitsOnIt) {
  TcpPair pair;
  std::thread([&] {
    run([&]() -> Task<> {
      EXPECT_TRUE(succeeded(co_await pair.server.write_all(bytes_of("from there"))));
      pair.server.close();
    });
  }).join();
  run([&]() -> Task<> {
    std::array<std::byte, 10> buffer{};
    EXPECT_TRUE(succeeded(co_await pair.client.read_exact(buffer)));
  });
}

}  // namespace
}  // namespace eddy
