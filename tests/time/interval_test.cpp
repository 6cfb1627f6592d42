// SPDX-License-Identifier: MIT

#include "eddy/time/interval.hpp"

#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

TEST(Interval, TicksAtOnceAndThenOncePerPeriod) {
  run([]() -> Task<> {
    const Instant start = Clock::now();
    Interval every(2ms);
    const Instant first = co_await every.tick();
    EXPECT_GE(first, start);
    for (int i = 1; i <= 5; ++i) {
      const Instant scheduled = co_await every.tick();
      EXPECT_EQ(scheduled, first + i * 2ms);
      EXPECT_GE(Clock::now(), scheduled);
    }
  });
}

TEST(Interval, ATickGoesToOneTask) {
  run([]() -> Task<> {
    Interval every(Clock::now() + 1ms, 5ms);
    const auto tick = [&](int operations_before) -> Task<> {
      for (int i = 0; i < operations_before; ++i) co_await sleep_for(0s);
      const Instant scheduled = co_await every.tick();
      EXPECT_GE(Clock::now(), scheduled);
    };
    co_await when_all(tick(0), tick(0));
    // The second task has used its budget up when its tick is due, so it yields.
    const Instant due = every.next();
    while (Clock::now() < due) co_await sleep_until(due);
    JoinHandle<void> first = spawn(tick, detail::kBudget);
    JoinHandle<void> second = spawn(tick, 0);
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
  });
}

TEST(Interval, GivesItsPeriodAndItsNextTick) {
  const Instant start = Clock::now() + 1h;
  const Interval every(start, 3s);
  EXPECT_EQ(every.period(), 3s);
  EXPECT_EQ(every.next(), start);
}

TEST(Interval, MayStartLater) {
  run([]() -> Task<> {
    const Instant start = Clock::now() + 3ms;
    Interval every(start, 1h);
    EXPECT_EQ(co_await every.tick(), start);
    EXPECT_GE(Clock::now(), start);
  });
}

/// An interval that is awaited ten and a half periods late.
class LateInterval : public testing::Test {
 protected:
  static constexpr Duration kPeriod = 1h;

  Instant start_ = Clock::now() - kPeriod * 10 - kPeriod / 2;
};

TEST_F(LateInterval, WithBurstMakesUpForEveryMissedTick) {
  run([&]() -> Task<> {
    Interval every(start_, kPeriod, MissedTick::burst);
    for (int i = 0; i <= 10; ++i) EXPECT_EQ(co_await every.tick(), start_ + i * kPeriod);
    EXPECT_EQ(every.next(), start_ + 11 * kPeriod);
    const auto first = co_await when_any(every.tick(), sleep_for(2ms));
    EXPECT_EQ(first.index(), 1U);
  });
}

TEST_F(LateInterval, WithDelayMovesTheSchedule) {
  run([&]() -> Task<> {
    Interval every(start_, kPeriod, MissedTick::delay);
    const Instant before = Clock::now();
    EXPECT_EQ(co_await every.tick(), start_);
    EXPECT_GE(every.next(), before + kPeriod);
    EXPECT_LE(every.next(), Clock::now() + kPeriod);
  });
}

TEST_F(LateInterval, WithSkipLeavesMissedTicksOutAndKeepsTheSchedule) {
  run([&]() -> Task<> {
    Interval every(start_, kPeriod, MissedTick::skip);
    EXPECT_EQ(co_await every.tick(), start_);
    EXPECT_EQ(every.next(), start_ + 11 * kPeriod);
    const auto first = co_await when_any(every.tick(), sleep_for(2ms));
    EXPECT_EQ(first.index(), 1U);
  });
}

TEST(Interval, IsTheSameInEachModeIfNoTickIsMissed) {
  for (const MissedTick missed : {MissedTick::burst, MissedTick::skip}) {
    run([&]() -> Task<> {
      const Instant start = Clock::now();
      Interval every(start, 1h, missed);
      EXPECT_EQ(co_await every.tick(), start);
      EXPECT_EQ(every.next(), start + 1h);
    });
  }
}

TEST(Interval, ATickThatIsCancelledComesAgain) {
  run([]() -> Task<> {
    const Instant start = Clock::now() + 300ms;  // far enough for a busy machine
    Interval every(start, 1h);
    const auto first = co_await when_any(every.tick(), sleep_for(1ms));
    EXPECT_EQ(first.index(), 1U);
    EXPECT_EQ(every.next(), start);
    EXPECT_EQ(co_await every.tick(), start);
  });
}

TEST(Interval, OfTheLongestPeriodTicksOnce) {
  run([]() -> Task<> {
    for (const MissedTick missed : {MissedTick::burst, MissedTick::delay, MissedTick::skip}) {
      Interval every(Duration::max(), missed);
      co_await every.tick();
      EXPECT_EQ(every.next(), Instant::max());
      const auto first = co_await when_any(every.tick(), sleep_for(1ms));
      EXPECT_EQ(first.index(), 1U);
    }
  });
}

TEST(IntervalDeathTest, APeriodOfZeroOrLessStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(Interval(0ns), testing::KilledBySignal(SIGABRT),
              "an Interval needs a period of more than zero");
  EXPECT_EXIT(Interval(-1ns), testing::KilledBySignal(SIGABRT), "more than zero");
}

}  // namespace
}  // namespace eddy
