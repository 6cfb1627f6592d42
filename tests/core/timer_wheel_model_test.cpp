// Compares the wheel with a sorted list that does the same slowly.
// SPDX-License-Identifier: MIT
#include "eddy/core/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using detail::ReadyQueue;
using detail::TimerNode;
using detail::TimerWheel;
using detail::Waiter;

constexpr std::int64_t kTick = 32768;

struct Timer : Waiter {
  TimerNode node;
};

/// Timers by (tick, order of arming). A timer with a length is armed at the next reading of the
/// clock, from which the length counts.
class Model {
 public:
  explicit Model(std::int64_t now) : now_(now) {}

  void arm_at(Timer& timer, std::int64_t deadline) {
    if (deadline == INT64_MAX) return;
    const std::int64_t tick = deadline <= 0 ? 0 : (deadline - 1) / kTick + 1;
    if (tick <= turned_to_) {
      fired_.push_back(&timer);
    } else {
      armed_.emplace(std::pair(tick, order_++), &timer);
    }
  }
  void arm_after(Timer& timer, std::int64_t length) { fresh_.emplace_back(&timer, length); }
  void cancel(Timer& timer) {
    std::erase_if(armed_, [&](const auto& entry) { return entry.second == &timer; });
    std::erase_if(fresh_, [&](const auto& entry) { return entry.first == &timer; });
  }
  void advance(std::int64_t now) {
    now_ = now;
    for (const auto& [timer, length] : fresh_) {
      if (length < INT64_MAX - now) arm_at(*timer, now + std::max<std::int64_t>(length, 0));
    }
    fresh_.clear();
    turned_to_ = now / kTick;
    while (!armed_.empty() && armed_.begin()->first.first <= turned_to_) {
      fired_.push_back(armed_.begin()->second);
      armed_.erase(armed_.begin());
    }
  }

  std::optional<std::int64_t> next() const {
    if (armed_.empty()) return std::nullopt;
    return armed_.begin()->first.first * kTick;
  }
  std::vector<Timer*> take_fired() { return std::exchange(fired_, {}); }
  bool fresh() const { return !fresh_.empty(); }
  std::int64_t now() const { return now_; }

 private:
  std::int64_t now_;
  std::int64_t turned_to_ = now_ / kTick;
  std::uint64_t order_ = 0;
  std::map<std::pair<std::int64_t, std::uint64_t>, Timer*> armed_;
  std::vector<std::pair<Timer*, std::int64_t>> fresh_;
  std::vector<Timer*> fired_;
};

class WheelAgainstModel : public testing::TestWithParam<std::uint64_t> {
 protected:
  static constexpr std::size_t kTimers = 300;

  /// A length from zero to centuries; each order of magnitude is equally likely.
  std::int64_t random_length() {
    const auto bits = random_() % 62;
    const auto length = static_cast<std::int64_t>(random_() & ((std::uint64_t{1} << bits) - 1));
    return random_() % 20 == 0 ? length / kTick * kTick : length;  // on the tick
  }

  void arm(Timer& timer) {
    cancel(timer);
    timer.state = Waiter::State::idle;
    if (random_() % 2 == 0) {
      const std::int64_t offset = random_length();
      std::int64_t deadline = model_.now() + (random_() % 8 == 0 ? -offset : offset);
      if (random_() % 100 == 0) deadline = INT64_MAX;
      model_.arm_at(timer, deadline);
      wheel_->arm_at(timer.node, timer, Instant(Duration(deadline)));
    } else {
      const std::int64_t length = random_() % 100 == 0 ? INT64_MAX : random_length();
      model_.arm_after(timer, length);
      wheel_->arm_after(timer.node, timer, Duration(length));
    }
  }

  void cancel(Timer& timer) {
    if (timer.state == Waiter::State::scheduled) timer.unlink();
    model_.cancel(timer);
    wheel_->cancel(timer.node);
  }

  void advance(std::int64_t now) {
    model_.advance(now);
    wheel_->advance(Instant(Duration(now)));
  }

  /// Checks that both have fired the same timers, in the same order.
  void compare_fired() {
    for (Timer* expected : model_.take_fired()) {
      if (expected->state == Waiter::State::idle) FAIL() << "a timer is late, " << where();
      Waiter* fired = ready_.pop();
      ASSERT_EQ(fired, static_cast<Waiter*>(expected)) << where();
      ASSERT_TRUE(expected->node.fired()) << where();
      expected->state = Waiter::State::idle;
    }
    ASSERT_TRUE(ready_.empty()) << "a timer is early, " << where();
  }

  std::string where() const {
    return "step " + std::to_string(step_) + ", seed " + std::to_string(GetParam());
  }

  static constexpr std::int64_t kStart = 1'234'567'890'123;
  std::mt19937_64 random_{GetParam()};
  Model model_{kStart};
  ReadyQueue ready_;
  std::unique_ptr<TimerWheel> wheel_ =
      std::make_unique<TimerWheel>(ready_, Instant(Duration(kStart)));
  std::vector<Timer> timers_ = std::vector<Timer>(kTimers);
  int step_ = 0;
};

TEST_P(WheelAgainstModel, AgreesAtEveryRandomStep) {
  for (step_ = 0; step_ < 20'000; ++step_) {
    Timer& timer = timers_[random_() % kTimers];
    const auto dice = random_() % 10;
    if (dice < 5) {
      arm(timer);
    } else if (dice < 7) {
      cancel(timer);
    } else if (dice == 7 && model_.next() && *model_.next() < INT64_MAX / 2) {
      advance(std::max(*model_.next(), model_.now()));
    } else {
      // Gaps between turns: most are short, some are hours long.
      const auto bits = random_() % (random_() % 50 == 0 ? 44 : 28);
      advance(model_.now() + static_cast<std::int64_t>(random_() % (std::uint64_t{1} << bits)));
    }
    ASSERT_NO_FATAL_FAILURE(compare_fired());
    if (model_.fresh()) continue;
    const std::optional<Instant> next = wheel_->next_deadline();
    ASSERT_EQ(next.has_value(), model_.next().has_value()) << where();
    if (!next) continue;
    // The next deadline must be later than now, or the loop would spin; and not too late. It may be
    // too early after a timer in the same slot was cancelled.
    ASSERT_GT(next->time_since_epoch().count() / kTick, model_.now() / kTick) << where();
    ASSERT_LE(next->time_since_epoch().count(), *model_.next()) << where();
  }
  for (Timer& timer : timers_) cancel(timer);
  EXPECT_TRUE(wheel_->empty());
}

TEST_P(WheelAgainstModel, WithoutCancelsTheNextDeadlineIsExact) {
  for (step_ = 0; step_ < 5'000; ++step_) {
    Timer& timer = timers_[random_() % kTimers];
    if (!timer.node.armed()) arm(timer);
    const std::optional<std::int64_t> next = model_.next();
    if (random_() % 3 == 0) {
      advance(model_.now() + static_cast<std::int64_t>(random_() % 10'000'000));
    } else if (next && *next < INT64_MAX / 2 && random_() % 3 == 0) {
      advance(std::max(*next, model_.now()));
    }
    ASSERT_NO_FATAL_FAILURE(compare_fired());
    if (model_.fresh()) continue;
    const std::optional<Instant> told = wheel_->next_deadline();
    ASSERT_EQ(told.has_value(), model_.next().has_value()) << where();
    if (!told) continue;
    ASSERT_EQ(told->time_since_epoch().count(), *model_.next()) << where();
  }
}

// A slot has so many timers that the wheel moves some ahead of time, and some when it enters the
// slot.
TEST_P(WheelAgainstModel, KeepsTheOrderOfManyTimersThatAreDueTogether) {
  timers_ = std::vector<Timer>(5'000);
  for (step_ = 0; step_ < 30'000; ++step_) {
    Timer& timer = timers_[random_() % timers_.size()];
    if (random_() % 8 == 0) {
      cancel(timer);
    } else if (!timer.node.armed()) {
      timer.state = Waiter::State::idle;
      const auto ahead = static_cast<std::int64_t>(random_() % (random_() % 2 == 0 ? 16 : 8'000));
      const std::int64_t tick = model_.now() / kTick + 1 + ahead;
      model_.arm_at(timer, tick * kTick);
      wheel_->arm_at(timer.node, timer, Instant(Duration(tick * kTick)));
    }
    if (random_() % 8 != 0) continue;
    const auto ticks = static_cast<std::int64_t>(random_() % (random_() % 99 == 0 ? 300 : 2));
    advance(model_.now() + ticks * kTick);
    ASSERT_NO_FATAL_FAILURE(compare_fired());
  }
  for (Timer& timer : timers_) cancel(timer);
  EXPECT_TRUE(wheel_->empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, WheelAgainstModel,
                         testing::Values(1, 2, 3, 5, 8, 13, 20261123, 0xdeadbeef));

TEST(TimerWheelAtScale, AHundredThousandTimersFireInOrderAndInTime) {
  constexpr std::int64_t kStart = 77'000'000'000;
  constexpr std::size_t kCount = 100'000;
  ReadyQueue ready;
  const auto wheel = std::make_unique<TimerWheel>(ready, Instant(Duration(kStart)));
  std::mt19937_64 random(4711);
  std::vector<Timer> timers(kCount);
  std::vector<std::int64_t> deadlines(kCount);
  for (std::size_t i = 0; i < kCount; ++i) {
    deadlines[i] = kStart + 1 + static_cast<std::int64_t>(random() % 1'000'000'000);
    wheel->arm_at(timers[i].node, timers[i], Instant(Duration(deadlines[i])));
  }
  std::size_t fired = 0;
  std::size_t turns = 0;
  std::size_t most = 0;
  while (const std::optional<Instant> next = wheel->next_deadline()) {
    most = std::max(most, wheel->advance(*next));
    ++turns;
    while (Waiter* waiter = ready.pop()) {
      const auto i = static_cast<std::size_t>(static_cast<Timer*>(waiter) - timers.data());
      const std::int64_t late = next->time_since_epoch().count() - deadlines[i];
      ASSERT_GE(late, 0);
      ASSERT_LT(late, kTick);
      ++fired;
    }
  }
  EXPECT_EQ(fired, kCount);
  EXPECT_LE(turns, 1'000'000'000 / kTick + 2);  // at most one turn a tick: none wakes for nothing
  // Some 13,000 share a slot of the third level. Moving them when it begins must not delay them.
  EXPECT_LE(most, 200U);
}

}  // namespace
}  // namespace eddy
