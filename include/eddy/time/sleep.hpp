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

/// Waits for `length`, which starts when the current turn of the loop ends. The wait never ends
/// early. It may end late by up to one tick (33 us), the turn of the loop, and the time that the
/// system takes to wake the thread. Zero or less completes at once. `Duration::max()`, or a longer
/// length in another unit, waits for ever.
/// **Cancel**: nothing is lost.
inline detail::SleepOp sleep_for(Duration length) noexcept {
  return detail::SleepOp(detail::TimeLimit(length));
}
// A template of its own: a parameter of a class of eddy's would be kept in the awaiting frame.
template <class Rep, class Period>
detail::SleepOp sleep_for(std::chrono::duration<Rep, Period> length) noexcept {
  return sleep_for(Duration(detail::AnyDuration(length)));
}

/// Waits until `deadline`, a `time_point` of `Clock`; completes at once if it has passed.
/// `Instant::max()`, or a later instant in another unit, is never.
/// **Cancel**: nothing is lost.
inline detail::SleepOp sleep_until(Instant deadline) noexcept {
  return detail::SleepOp(detail::TimeLimit(deadline));
}
template <class Length>
detail::SleepOp sleep_until(std::chrono::time_point<Clock, Length> deadline) noexcept {
  return sleep_until(Instant(detail::AnyInstant(deadline)));
}

}  // namespace eddy
