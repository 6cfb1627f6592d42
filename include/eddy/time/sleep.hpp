// Waiting for a point in time.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/executor/executor.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/reactor/operation.hpp"
#include "eddy/time/timer_wheel.hpp"

#include <chrono>

namespace eddy {

namespace detail {

/// When something is over: after a length that starts with the wait, or at an instant.
class TimeLimit {
 public:
  explicit TimeLimit(Duration after) noexcept : count_(after.count()), is_instant_(false) {}
  explicit TimeLimit(Instant at) noexcept
      : count_(at.time_since_epoch().count()), is_instant_(true) {}

  /// True if there is nothing to wait for.
  bool passed() const noexcept {
    return is_instant_ ? Clock::now().time_since_epoch().count() >= count_ : count_ <= 0;
  }

 private:
  friend class Timer;

  Clock::rep count_;
  bool is_instant_;
};

/// A deadline of the task that waits, in the wheel of its thread until it fires or dies.
class Timer {
 public:
  Timer() noexcept = default;
  /// A timer may be moved until it is armed.
  Timer(Timer&&) noexcept {}
  Timer& operator=(Timer&&) = delete;
  ~Timer() { cancel(); }

  void arm(Waiter& waiter, TimeLimit limit) noexcept {
    TimerWheel& wheel = Executor::of_running_task().wheel();
    if (limit.is_instant_) {
      wheel.arm_at(node_, waiter, Instant(Duration(limit.count_)));
    } else {
      wheel.arm_after(node_, waiter, Duration(limit.count_));
    }
  }
  void cancel() noexcept { TimerWheel::cancel(node_); }
  bool fired() const noexcept { return node_.fired(); }

 private:
  TimerNode node_;
};

class [[nodiscard("nothing happens until it is awaited: write co_await")]] SleepOp final
    : public Operation {
 public:
  explicit SleepOp(TimeLimit limit) noexcept : limit_(limit) {}

  bool try_start() const noexcept { return limit_.passed(); }
  bool begin_wait(Waiter& waiter) noexcept {
    timer_.arm(waiter, limit_);
    return true;
  }
  bool advance(Waiter&) noexcept override { return timer_.fired(); }
  Waiting describe() const noexcept override { return {"a timer", kNoSource}; }
  void take() const noexcept {}

 private:
  Timer timer_;
  TimeLimit limit_;
};

}  // namespace detail

/// Waits for `length`, which starts when the current turn of the loop ends (tasks that run before
/// the clock is read again do not shorten it). Never early; late by a tick of 33 us at most, the
/// turn of the loop, and what the system takes to wake the thread. Zero or less completes at once.
/// `Duration::max()` waits for ever, and so does whatever is longer in another unit.
/// **Cancel**: nothing is lost.
inline detail::SleepOp sleep(Duration length) noexcept {
  return detail::SleepOp(detail::TimeLimit(length));
}
// Templates beside, because a parameter of a type of eddy's own would be in the frame of who
// awaits.
template <class Rep, class Period>
detail::SleepOp sleep(std::chrono::duration<Rep, Period> length) noexcept {
  return sleep(Duration(detail::AnyDuration(length)));
}

/// Waits until `deadline`, a `time_point` of `Clock`; at once if it has passed. `Instant::max()` is
/// never, and so is whatever is later in another unit.
/// **Cancel**: nothing is lost.
inline detail::SleepOp sleep_until(Instant deadline) noexcept {
  return detail::SleepOp(detail::TimeLimit(deadline));
}
template <class Length>
detail::SleepOp sleep_until(std::chrono::time_point<Clock, Length> deadline) noexcept {
  return sleep_until(Instant(detail::AnyInstant(deadline)));
}

}  // namespace eddy
