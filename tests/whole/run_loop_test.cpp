// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/net/tcp_stream.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/bytes.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

/// Two tasks that wake each other until they are stopped.
class WakingPair {
 public:
  WakingPair() : left_(spawn(play, std::ref(*this), 0)), right_(spawn(play, std::ref(*this), 1)) {}

  Task<> stop() {
    left_.abort();
    right_.abort();
    EXPECT_FALSE((co_await left_).has_value());
    EXPECT_FALSE((co_await right_).has_value());
  }
  long rounds() const { return rounds_; }

 private:
  static Task<> play(WakingPair& pair, std::size_t who) {
    pair.wakers_[who].emplace(co_await current_waker());
    for (;;) {
      ++pair.rounds_;
      if (pair.wakers_[1 - who]) pair.wakers_[1 - who]->wake();
      co_await suspend();
    }
  }

  std::array<std::optional<Waker>, 2> wakers_;
  long rounds_ = 0;
  JoinHandle<void> left_;
  JoinHandle<void> right_;
};

// In moduvex_runtime such tasks kept the loop from the reactor for ever.
TEST(RunLoop, TwoTasksThatWakeEachOtherForEverDoNotHoldUpASleep) {
  run([]() -> Task<> {
    WakingPair pair;
    const Instant start = Clock::now();
    co_await sleep_for(10ms);
    EXPECT_GE(Clock::now() - start, 10ms);
    EXPECT_LT(Clock::now() - start, 5s);
    EXPECT_GT(pair.rounds(), 100);
    co_await pair.stop();
  });
}

// In moduvex_runtime such tasks kept the loop from the reactor for ever.
TEST(RunLoop, TwoTasksThatWakeEachOtherForEverDoNotHoldUpASocket) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    WakingPair pair;
    std::jthread peer([&] { test::send_text(sockets.client.raw(), "here"); });
    std::array<std::byte, 16> buffer{};
    const Result<std::size_t> count = co_await stream.read(buffer);
    EXPECT_EQ(count.value_or(0), 4U);
    co_await pair.stop();
  });
}

// In moduvex_runtime such tasks kept the loop from the reactor for ever.
TEST(RunLoop, TwoTasksThatWakeEachOtherForEverDoNotHoldUpAWakeOfAnotherThread) {
  run([]() -> Task<> {
    std::atomic<bool> came = false;
    const Waker waker = co_await current_waker();
    WakingPair pair;
    const std::jthread other([&] {
      came = true;
      waker.wake();
    });
    while (!came.load()) co_await suspend();
    co_await pair.stop();
  });
}

TEST(RunLoop, ATaskWhoseOperationsAlwaysSucceedAtOnceYields) {
  run([]() -> Task<> {
    long operations = 0;
    bool stop = false;
    auto busy = [&]() -> Task<> {
      while (!stop) {
        co_await sleep_for(0s);  // complete at once
        ++operations;
      }
    };
    JoinHandle<void> handle = spawn(busy);
    co_await yield_now();
    const long first = operations;
    EXPECT_GT(first, 0);
    EXPECT_LT(first, 1000);
    co_await yield_now();
    EXPECT_GT(operations, first);
    stop = true;
    EXPECT_TRUE((co_await handle).has_value());
  });
}

TEST(RunLoop, ASocketThatIsAlwaysReadableHoldsUpNeitherATaskNorATimer) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    test::fill(sockets.client.raw());
    TcpStream stream(std::move(sockets.server));
    long reads = 0;
    auto flood = [&]() -> Task<> {
      std::array<std::byte, 1> byte{};
      for (;;) {
        const Result<std::size_t> count = co_await stream.peek(byte);
        if (!count || *count == 0) break;
        ++reads;
      }
    };
    JoinHandle<void> handle = spawn(flood);
    co_await yield_now();
    EXPECT_GT(reads, 0);
    EXPECT_LT(reads, 1000);
    co_await sleep_for(5ms);
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
  });
}

TEST(RunLoop, RunsTasksInTheOrderInWhichTheyBecameRunnable) {
  run([]() -> Task<> {
    std::vector<int> order;
    std::vector<JoinHandle<void>> handles;
    auto task = [&](int n) -> Task<> {
      for (int round = 0; round < 3; ++round) {
        order.push_back(n);
        co_await yield_now();
      }
    };
    for (int n = 0; n < 4; ++n) handles.push_back(spawn(task, n));
    for (JoinHandle<void>& handle : handles) EXPECT_TRUE((co_await handle).has_value());
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3}));
  });
}

TEST(RunLoop, AYieldLetsEveryOtherTaskRunFirst) {
  run([]() -> Task<> {
    constexpr int kTasks = 1000;
    int ran = 0;
    for (int i = 0; i < kTasks; ++i) {
      spawn([&]() -> Task<> {
        ++ran;
        co_return;
      }).detach();
    }
    co_await yield_now();
    EXPECT_EQ(ran, kTasks);
  });
}

/// A thread may sleep a few times for reasons of its own, such as a lock of the allocator: the
/// fault tests count the loop's waits exactly. A loop that wakes for nothing would sleep hundreds
/// of times.
constexpr long kFewSleeps = 10;

/// Lets another thread, with its own loop and timer, wake the caller after `idle`.
Task<long> sleeps_while_idle(Duration idle) {
  std::atomic<bool> over = false;
  const Waker waker = co_await current_waker();
  const std::jthread other([&] {
    run([&]() -> Task<> { co_await sleep_for(idle); });
    over = true;
    waker.wake();
  });
  const long before = test::sleeps_of_this_thread();
  while (!over.load()) co_await suspend();
  co_return test::sleeps_of_this_thread() - before;
}

TEST(RunLoop, AnIdleLoopSleepsOnceUntilItIsWoken) {
  run([]() -> Task<> { EXPECT_LE(co_await sleeps_while_idle(300ms), kFewSleeps); });
}

TEST(RunLoop, AnIdleLoopWithSocketsAndFarTimersSleepsOnceToo) {
  run([]() -> Task<> {
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::array<std::byte, 1> byte{};
    auto reader = [&]() -> Task<> { static_cast<void>(co_await stream.read(byte)); };
    auto sleeper = []() -> Task<> { co_await sleep_for(std::chrono::hours(24 * 365)); };
    auto for_ever = []() -> Task<> { co_await sleep_for(Duration::max()); };
    spawn(reader).detach();
    spawn(sleeper).detach();
    spawn(for_ever).detach();
    co_await yield_now();
    EXPECT_LE(co_await sleeps_while_idle(300ms), kFewSleeps);
  });
}

TEST(RunLoop, ASleepCostsOnePark) {
  run([]() -> Task<> {
    co_await sleep_for(1ms);
    const long before = test::sleeps_of_this_thread();
    for (int i = 0; i < 20; ++i) co_await sleep_for(5ms);
    EXPECT_LE(test::sleeps_of_this_thread() - before, 20 + kFewSleeps);
  });
}

TEST(RunLoop, ABusyPollFindsWakesTimersAndSockets) {
  busy_poll(20s);
  run([]() -> Task<> {
    co_await sleep_for(3ms);
    test::SocketPair sockets = test::connected_sockets();
    TcpStream stream(std::move(sockets.server));
    std::atomic<bool> waiting = false;
    std::jthread peer([&] {
      while (!waiting.load()) std::this_thread::yield();
      test::send_text(sockets.client.raw(), "here");
    });
    waiting = true;
    std::array<std::byte, 16> buffer{};
    EXPECT_EQ((co_await stream.read(buffer)).value_or(0), 4U);
    std::atomic<bool> came = false;
    const Waker waker = co_await current_waker();
    std::jthread waking([&] {
      came = true;
      waker.wake();
    });
    while (!came.load()) co_await suspend();
  });
  busy_poll(Duration::zero());
}

TEST(RunLoop, ABusyPollThatFindsNothingParks) {
  busy_poll(100us);
  run([]() -> Task<> { EXPECT_LE(co_await sleeps_while_idle(100ms), kFewSleeps); });
  busy_poll(Duration::zero());
}

TEST(RunLoop, LongTasksDoNotHoldTheReactorUpForSixtyOfTheirKind) {
  run([]() -> Task<> {
    // 100 tasks that burn 300 us each. A timer of 5 ms must not wait for all of them each time:
    // once the loop has seen how long the tasks take, it makes shorter turns.
    bool stop = false;
    auto burn = [&]() -> Task<> {
      while (!stop) {
        const Instant end = Clock::now() + 300us;
        while (Clock::now() < end) {
        }
        co_await yield_now();
      }
    };
    std::vector<JoinHandle<void>> handles;
    for (int i = 0; i < 100; ++i) handles.push_back(spawn(burn));
    co_await sleep_for(40ms);  // the loop measures how long the tasks take
    int between = 0;
    auto count = [&]() -> Task<> {
      for (;;) {
        ++between;
        co_await yield_now();
      }
    };
    JoinHandle<void> counter = spawn(count);
    co_await sleep_for(5ms);
    EXPECT_LE(between, 3);
    stop = true;
    counter.abort();
    EXPECT_FALSE((co_await counter).has_value());
    for (JoinHandle<void>& handle : handles) EXPECT_TRUE((co_await handle).has_value());
  });
}

}  // namespace
}  // namespace eddy
