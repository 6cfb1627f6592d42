// Waiting for a point in time.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/worker/timer.hpp"

#include <chrono>

namespace eddy {

namespace detail {

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
inline detail::SleepOp sleep_for(Duration length) noexcept {
  return detail::SleepOp(detail::TimeLimit(length));
}
// Templates beside, because a parameter of a type of eddy's own would be in the frame of who
// awaits.
template <class Rep, class Period>
detail::SleepOp sleep_for(std::chrono::duration<Rep, Period> length) noexcept {
  return sleep_for(Duration(detail::AnyDuration(length)));
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
