// SPDX-License-Identifier: MIT

#include "eddy/core/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using detail::ReadyQueue;
using detail::TimerNode;
using detail::TimerWheel;
using detail::Waiter;

constexpr Duration kTick{32768};

struct Timer {
  Waiter waiter;
  TimerNode node;
};

class TimerWheelTest : public testing::Test {
 protected:
  static constexpr Instant kStart{Duration(1'000'000'000'000'007)};

  void arm_at(Timer& timer, Instant deadline) {
    timer.waiter.state = Waiter::State::idle;
    wheel_->arm_at(timer.node, timer.waiter, deadline);
  }
  void arm_after(Timer& timer, Duration length) {
    timer.waiter.state = Waiter::State::idle;
    wheel_->arm_after(timer.node, timer.waiter, length);
  }
  bool woken(Timer& timer) { return ready_.pop() == &timer.waiter; }

  /// Advances the wheel from deadline to deadline until `timer` fires. Returns that instant.
  Instant fire(Timer& timer) {
    for (int turns = 0; turns < 100; ++turns) {
      const std::optional<Instant> next = wheel_->next_deadline();
      EXPECT_TRUE(next.has_value());
      if (!next) break;
      wheel_->advance(*next);
      if (timer.node.fired()) return *next;
    }
    return Instant();
  }

  ReadyQueue ready_;
  std::unique_ptr<TimerWheel> wheel_ = std::make_unique<TimerWheel>(ready_, kStart);
};

TEST_F(TimerWheelTest, IsEmptyAtFirst) {
  EXPECT_TRUE(wheel_->empty());
  EXPECT_EQ(wheel_->next_deadline(), std::nullopt);
  wheel_->advance(kStart + 24h);
  EXPECT_TRUE(ready_.empty());
}

// moduvex_runtime rounded deadlines down: its timers were early, and the loop spun.
TEST_F(TimerWheelTest, NeverFiresEarlyAndAtMostATickLate) {
  for (const Duration length : {Duration(1), kTick - 1ns, kTick, kTick + 1ns, Duration(1ms),
                                Duration(118ms), Duration(10s), Duration(24h)}) {
    Timer timer;
    const Instant deadline = wheel_->next_deadline().value_or(kStart) + length;
    arm_at(timer, deadline);
    wheel_->advance(deadline - 1ns);
    EXPECT_FALSE(timer.node.fired()) << length.count();
    wheel_->advance(deadline + kTick - 1ns);
    EXPECT_TRUE(timer.node.fired()) << length.count();
    EXPECT_TRUE(woken(timer));
    wheel_ = std::make_unique<TimerWheel>(ready_, kStart);
  }
}

// moduvex_runtime's wheel put timers into a slot that had just passed: seconds late.
TEST_F(TimerWheelTest, EveryLengthFiresInTimeHoweverFarTheWheelHasTurned) {
  Instant now = kStart;
  for (std::int64_t ticks = 1; ticks < 20'000; ticks += 1 + ticks / 50) {
    Timer timer;
    const Instant deadline = now + ticks * kTick;
    arm_at(timer, deadline);
    now = fire(timer);
    ASSERT_GE(now, deadline);
    ASSERT_LT(now, deadline + kTick) << ticks;
    ASSERT_TRUE(woken(timer));
  }
}

TEST_F(TimerWheelTest, ATimerThatIsDueAlreadyFiresWhenItIsArmed) {
  Timer past;
  Timer epoch;
  arm_at(past, kStart - 1s);
  arm_at(epoch, Instant());
  EXPECT_TRUE(past.node.fired() && epoch.node.fired());
  EXPECT_TRUE(woken(past));
  EXPECT_TRUE(woken(epoch));
  EXPECT_TRUE(wheel_->empty());
}

TEST_F(TimerWheelTest, FiresInTheOrderOfDeadlinesHoweverTheyWereArmed) {
  std::array<Timer, 5> timers;
  const std::array<Duration, 5> lengths = {5s, 1ms, 70h, 300ms, 20s};
  for (std::size_t i = 0; i < timers.size(); ++i) arm_at(timers[i], kStart + lengths[i]);
  wheel_->advance(kStart + 100h);
  for (const std::size_t i : {1U, 3U, 0U, 4U, 2U}) EXPECT_TRUE(woken(timers[i])) << i;
}

TEST_F(TimerWheelTest, TimersOfOneTickFireInTheOrderOfArming) {
  std::array<Timer, 6> timers;
  const Instant deadline = kStart + 10s;
  // Some are armed long before the deadline, some shortly before: on different levels of the wheel.
  for (std::size_t i = 0; i < timers.size(); ++i) {
    wheel_->advance(kStart + static_cast<int>(i) * 1999ms);
    arm_at(timers[i], deadline);
  }
  wheel_->advance(deadline + kTick);
  for (Timer& timer : timers) EXPECT_TRUE(woken(timer));
}

TEST_F(TimerWheelTest, ACancelledTimerDoesNotFire) {
  Timer timer;
  arm_at(timer, kStart + 1ms);
  EXPECT_TRUE(timer.node.armed());
  wheel_->cancel(timer.node);
  EXPECT_FALSE(timer.node.armed());
  EXPECT_TRUE(wheel_->empty());
  wheel_->advance(kStart + 1s);
  EXPECT_FALSE(timer.node.fired());
  EXPECT_TRUE(ready_.empty());
}

// In moduvex_runtime a timer that moved to another thread cancelled another timer.
TEST_F(TimerWheelTest, CancellingOneLeavesItsNeighboursAlone) {
  std::array<Timer, 3> timers;
  for (Timer& timer : timers) arm_at(timer, kStart + 1ms);
  wheel_->cancel(timers[1].node);
  wheel_->cancel(timers[1].node);  // again
  wheel_->advance(kStart + 2ms);
  EXPECT_TRUE(woken(timers[0]));
  EXPECT_TRUE(woken(timers[2]));
  EXPECT_TRUE(ready_.empty());
}

TEST_F(TimerWheelTest, ATimerMayBeArmedAgainWhateverItsState) {
  Timer timer;
  arm_at(timer, kStart + 1ms);
  wheel_->cancel(timer.node);
  arm_at(timer, kStart + 2ms);
  wheel_->advance(kStart + 3ms);
  EXPECT_TRUE(woken(timer));
  wheel_->cancel(timer.node);
  EXPECT_FALSE(timer.node.fired());
  arm_after(timer, 1ms);
  wheel_->cancel(timer.node);  // before it was settled
  EXPECT_FALSE(wheel_->unsettled());
  arm_after(timer, 1ms);
  wheel_->settle(kStart + 3ms);
  wheel_->advance(kStart + 5ms);
  EXPECT_TRUE(woken(timer));
}

TEST_F(TimerWheelTest, ALengthCountsFromTheNextReadingOfTheClock) {
  Timer timer;
  arm_after(timer, 10ms);
  EXPECT_TRUE(wheel_->unsettled());
  EXPECT_FALSE(wheel_->empty());
  wheel_->advance(kStart + 5ms);
  EXPECT_FALSE(wheel_->unsettled());
  wheel_->advance(kStart + 15ms - 1ns);
  EXPECT_FALSE(timer.node.fired());
  wheel_->advance(kStart + 15ms + kTick);
  EXPECT_TRUE(woken(timer));
}

TEST_F(TimerWheelTest, AZeroLengthFiresWithinATick) {
  std::array<Timer, 2> timers;
  arm_after(timers[0], 0ns);
  arm_after(timers[1], -5s);
  wheel_->advance(kStart + 1ms);
  wheel_->advance(kStart + 1ms + kTick);
  EXPECT_TRUE(woken(timers[0]));
  EXPECT_TRUE(woken(timers[1]));
}

// In moduvex_runtime a sleep of the longest length panicked.
TEST_F(TimerWheelTest, ATimerOfTheLongestLengthOrDeadlineNeverFires) {
  std::array<Timer, 2> never;
  arm_at(never[0], Instant::max());
  arm_after(never[1], Duration::max());
  EXPECT_TRUE(never[0].node.armed() && never[1].node.armed());
  EXPECT_EQ(wheel_->next_deadline(), std::nullopt);
  wheel_->advance(Instant::max());
  EXPECT_FALSE(never[0].node.fired() || never[1].node.fired());
  for (Timer& timer : never) {
    wheel_->cancel(timer.node);
    EXPECT_FALSE(timer.node.armed());
  }
}

TEST_F(TimerWheelTest, AFarDeadlineNeitherFiresNorOverflows) {
  std::array<Timer, 4> far;
  arm_after(far[0], Duration::max() - 1ns);
  arm_at(far[1], Instant::max() - 1ns);
  arm_after(far[2], 24h * 365 * 100);
  arm_after(far[3], 24h * 3);
  wheel_->advance(kStart);
  wheel_->advance(kStart + 24h);
  EXPECT_TRUE(ready_.empty());
  wheel_->advance(kStart + 24h * 3 + 1ms);
  EXPECT_TRUE(woken(far[3]));
  wheel_->advance(kStart + 24h * 365 * 100 + 1ms);
  EXPECT_TRUE(woken(far[2]));
  EXPECT_TRUE(ready_.empty());
  EXPECT_GT(wheel_->next_deadline(), Instant::max() - kTick);  // the last tick
  for (Timer& timer : far) wheel_->cancel(timer.node);
  EXPECT_TRUE(wheel_->empty());
}

TEST_F(TimerWheelTest, TheNextDeadlineIsThatOfTheEarliest) {
  std::array<Timer, 3> timers;
  const auto due = [](Instant deadline) {
    const auto ns = deadline.time_since_epoch();
    return Instant((ns + kTick - 1ns) / kTick * kTick);
  };
  arm_at(timers[0], kStart + 10h);
  EXPECT_EQ(wheel_->next_deadline(), due(kStart + 10h));
  arm_at(timers[1], kStart + 118ms);
  EXPECT_EQ(wheel_->next_deadline(), due(kStart + 118ms));
  arm_at(timers[2], kStart + 1s);
  EXPECT_EQ(wheel_->next_deadline(), due(kStart + 118ms));
  wheel_->cancel(timers[1].node);
  EXPECT_EQ(wheel_->next_deadline(), due(kStart + 1s));
  wheel_->cancel(timers[2].node);
  EXPECT_EQ(wheel_->next_deadline(), due(kStart + 10h));
}

TEST_F(TimerWheelTest, AdvancingToTheNextDeadlineFiresATimerEachTime) {
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Timer>());
    arm_at(*timers.back(), kStart + i * i * 17us);
  }
  while (ready_.pop() != nullptr) {
  }
  while (const std::optional<Instant> next = wheel_->next_deadline()) {
    wheel_->advance(*next - 1ns);
    ASSERT_TRUE(ready_.empty());
    wheel_->advance(*next);
    ASSERT_FALSE(ready_.empty());
    while (ready_.pop() != nullptr) {
    }
  }
  EXPECT_TRUE(wheel_->empty());
}

TEST_F(TimerWheelTest, TimeMayStandStill) {
  Timer timer;
  arm_at(timer, kStart + 1ms);
  for (int i = 0; i < 3; ++i) wheel_->advance(kStart);
  EXPECT_TRUE(ready_.empty());
  for (int i = 0; i < 3; ++i) wheel_->advance(kStart + 2ms);
  EXPECT_TRUE(woken(timer));
  EXPECT_TRUE(ready_.empty());
}

TEST_F(TimerWheelTest, WakesARunningWaiterWithoutQueueingIt) {
  Timer timer;
  arm_at(timer, kStart + 1ms);
  timer.waiter.state = Waiter::State::running;
  wheel_->advance(kStart + 2ms);
  EXPECT_TRUE(timer.node.fired());
  EXPECT_EQ(timer.waiter.state, Waiter::State::notified);
  EXPECT_TRUE(ready_.empty());
}

// moduvex_runtime looked at every timer to find the next deadline.
TEST_F(TimerWheelTest, TheNextDeadlineOfAMillionTimersCostsNoMoreThanThatOfOne) {
  const auto time_it = [this] {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(wheel_->next_deadline().has_value());
    return std::chrono::steady_clock::now() - start;
  };
  const auto timers = std::make_unique<std::array<Timer, 1'000'000>>();
  std::int64_t n = 0;
  for (Timer& timer : *timers) arm_at(timer, kStart + 1s + 5us * n++);
  // If a call looked at each timer, it would take milliseconds, and all calls seconds.
  EXPECT_LT(time_it(), 200ms);
  for (Timer& timer : *timers) wheel_->cancel(timer.node);
  EXPECT_TRUE(wheel_->empty());
}

}  // namespace
}  // namespace eddy
