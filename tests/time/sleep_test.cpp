// SPDX-License-Identifier: MIT

#include "eddy/time/sleep.hpp"

#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/processor_time.hpp"
#include "support/run.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

/// How much later than requested a sleep ended.
Task<Duration> lateness_of(Duration length) {
  const Instant start = Clock::now();
  co_await sleep_for(length);
  co_return Clock::now() - start - length;
}

// moduvex_runtime's timers were early, because deadlines were rounded down, or seconds late.
TEST(Sleep, IsNeverEarlyAndNotSecondsLate) {
  run([]() -> Task<> {
    std::vector<JoinHandle<Duration>> sleeps;
    for (int i = 0; i < 40; ++i) sleeps.push_back(spawn(lateness_of, Duration(100ms + i * 1ms)));
    for (auto& sleep : sleeps) {
      const JoinResult<Duration> late = co_await sleep;
      EXPECT_GE(late.value(), 0ns);
      EXPECT_LT(late.value(), 2s);  // the original: four seconds
    }
  });
}

TEST(Sleep, EndsPromptly) {
  run([]() -> Task<> {
    // The machine may be busy during some sleeps, but not during all.
    Duration best = Duration::max();
    for (int i = 0; i < 50; ++i) best = std::min(best, co_await lateness_of(1ms));
    EXPECT_GE(best, 0ns);
    EXPECT_LT(best, 2ms);
  });
}

TEST(Sleep, OfLessThanAMillisecondNeitherEndsEarlyNorSpins) {
  const long before = test::sleeps_of_this_thread();
  run([]() -> Task<> {
    for (int i = 0; i < 20; ++i) EXPECT_GE(co_await lateness_of(200us), 0ns);
  });
  EXPECT_GE(test::sleeps_of_this_thread() - before, 20);
}

// moduvex_runtime woke 98 times a second to hide lost wakes, and spun on deadlines rounded down.
TEST(Sleep, WakesTheProcessOnceWhenItEndsAndNotBefore) {
  run([]() -> Task<> {
    co_await yield_now();
    const long before = test::sleeps_of_this_thread();
    co_await sleep_for(250ms);
    EXPECT_LE(test::sleeps_of_this_thread() - before, 3);
  });
}

TEST(Sleep, ALoopWithNothingToDoIsNeverWoken) {
  std::atomic<test::ThreadId> id = 0;
  std::optional<Waker> waker;
  long sleeps = 0;
  std::thread idle([&] {
    run([&]() -> Task<> {
      waker = co_await current_waker();
      const long before = test::sleeps_of_this_thread();
      id = test::this_thread_id();
      co_await suspend();
      sleeps = test::sleeps_of_this_thread() - before;
    });
  });
  test::wait_until_asleep(id);
  run([]() -> Task<> { co_await sleep_for(200ms); });  // nothing must happen meanwhile
  waker->wake();
  idle.join();
  EXPECT_LE(sleeps, 3);
}

TEST(Sleep, OfZeroOrLessCompletesAtOnce) {
  bool other_ran = false;
  run([&]() -> Task<> {
    const auto other = [&]() -> Task<> {
      other_ran = true;
      co_return;
    };
    JoinHandle<void> handle = spawn(other);
    co_await sleep_for(0ns);
    co_await sleep_for(-1h);
    co_await sleep_for(Duration::min());
    co_await sleep_until(Clock::now() - 1s);
    co_await sleep_until(Instant::min());
    EXPECT_FALSE(other_ran);
    (void)co_await handle;
  });
}

// In moduvex_runtime a sleep of the longest length panicked.
TEST(Sleep, OfTheLongestLengthNeverEnds) {
  run([]() -> Task<> {
    const auto first = co_await when_any(sleep_for(Duration::max()), sleep_until(Instant::max()),
                                         sleep_for(24h * 365 * 200), sleep_for(5ms));
    EXPECT_EQ(first.index(), 3U);
  });
}

TEST(Sleep, UntilTheEndOfTimeDoesNotSpin) {
  run([]() -> Task<> {
    const auto sleeper = []() -> Task<> { co_await sleep_until(Instant::max() - 1ns); };
    JoinHandle<void> far = spawn(sleeper);
    const auto before = test::processor_time_of_this_thread();
    co_await sleep_for(100ms);
    EXPECT_LT(test::processor_time_of_this_thread() - before, 50ms);
    far.abort();
    (void)co_await far;
  });
}

TEST(Sleep, UntilAnInstantEndsThenAndNotBefore) {
  run([]() -> Task<> {
    const Instant deadline = Clock::now() + 5ms;
    co_await sleep_until(deadline);
    EXPECT_GE(Clock::now(), deadline);
  });
}

TEST(Sleep, SleepersWakeInTheOrderOfTheirDeadlines) {
  std::vector<int> order;
  run([&]() -> Task<> {
    const auto sleeper = [&](int ms) -> Task<> {
      co_await sleep_for(ms * 1ms);
      order.push_back(ms);
    };
    std::vector<JoinHandle<void>> sleeps;
    for (const int ms : {9, 3, 12, 1, 6}) sleeps.push_back(spawn(sleeper, ms));
    for (auto& handle : sleeps) (void)co_await handle;
  });
  EXPECT_EQ(order, (std::vector{1, 3, 6, 9, 12}));
}

TEST(Sleep, SleepersOfOneLengthWakeInTheOrderInWhichTheyWentToSleep) {
  std::vector<int> order;
  run([&]() -> Task<> {
    const auto sleeper = [&](int i) -> Task<> {
      co_await sleep_for(2ms);
      order.push_back(i);
    };
    std::vector<JoinHandle<void>> sleeps;
    for (int i = 0; i < 20; ++i) sleeps.push_back(spawn(sleeper, i));
    for (auto& handle : sleeps) (void)co_await handle;
  });
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
  EXPECT_EQ(order.size(), 20U);
}

// In moduvex_runtime a sleep that moved to another thread cancelled another sleep.
TEST(Sleep, CancellingOneLeavesTheOthers) {
  int woken = 0;
  run([&]() -> Task<> {
    const auto sleeper = [&]() -> Task<> {
      co_await sleep_for(3ms);
      ++woken;
    };
    std::vector<JoinHandle<void>> sleeps;
    for (int i = 0; i < 10; ++i) sleeps.push_back(spawn(sleeper));
    co_await yield_now();
    for (std::size_t i = 0; i < sleeps.size(); i += 2) sleeps[i].abort();
    for (auto& handle : sleeps) (void)co_await handle;
  });
  EXPECT_EQ(woken, 5);
}

TEST(Sleep, ACancelledSleepLeavesNothingInTheWheel) {
  run([]() -> Task<> {
    const auto sleeper = []() -> Task<> { co_await sleep_for(1h); };
    JoinHandle<void> before_it_starts = spawn(sleeper);
    before_it_starts.abort();
    (void)co_await before_it_starts;
    JoinHandle<void> unsettled = spawn(sleeper);
    co_await yield_now();
    unsettled.abort();
    (void)co_await unsettled;
    JoinHandle<void> settled = spawn(sleeper);
    co_await sleep_for(1ms);
    settled.abort();
    settled.abort();  // twice
    (void)co_await settled;
    EXPECT_TRUE(detail::Worker::current().wheel().empty());
  });
}

TEST(Sleep, ASleepThatIsCancelledInTheTurnInWhichItEndsDoesNotRun) {
  bool ran = false;
  bool both_slept = false;
  // On a busy machine the deadline may come before both tasks sleep: then try again with more time.
  for (Duration ahead = 2ms; !both_slept && ahead < 10s; ahead *= 2) {
    ran = false;
    run([&]() -> Task<> {
      const auto sleeper = [&](Instant deadline) -> Task<> {
        co_await sleep_until(deadline);
        ran = true;
      };
      const Instant deadline = Clock::now() + ahead;
      std::optional<JoinHandle<void>> victim;
      const auto canceller = [&]() -> Task<> {
        co_await sleep_until(deadline);
        both_slept = victim.has_value() && !ran;
        if (both_slept) victim->abort();  // the victim is on the ready queue, behind this task
      };
      JoinHandle<void> first = spawn(canceller);
      co_await yield_now();
      victim.emplace(spawn(sleeper, deadline));
      (void)co_await first;
      const JoinResult<void> joined = co_await *victim;
      EXPECT_EQ(joined.has_value(), !both_slept);
    });
  }
  EXPECT_TRUE(both_slept);
  EXPECT_FALSE(ran);
}

TEST(Sleep, ASpuriousWakeDoesNotShortenIt) {
  run([]() -> Task<> {
    std::optional<Waker> waker;
    const auto sleeper = [&]() -> Task<Duration> {
      waker = co_await current_waker();
      co_return co_await lateness_of(5ms);
    };
    JoinHandle<Duration> handle = spawn(sleeper);
    for (int i = 0; i < 5; ++i) {
      co_await yield_now();
      waker->wake();
    }
    const JoinResult<Duration> late = co_await handle;
    EXPECT_GE(late.value(), 0ns);
  });
}

TEST(Sleep, TenThousandSleepsAllEndInTime) {
  run([]() -> Task<> {
    std::vector<JoinHandle<Duration>> sleeps;
    for (int i = 0; i < 10'000; ++i) sleeps.push_back(spawn(lateness_of, Duration(1ms + i * 20us)));
    for (auto& sleep : sleeps) {
      const JoinResult<Duration> late = co_await sleep;
      EXPECT_GE(late.value(), 0ns);
    }
  });
}

}  // namespace
}  // namespace eddy
