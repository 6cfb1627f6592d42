// A deadline in the wheel of the thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/timer_wheel.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/worker.hpp"

namespace eddy::detail {

/// A limit in time: a length that starts with the wait, or an instant.
class TimeLimit {
 public:
  explicit TimeLimit(Duration after) noexcept : count_(after.count()), is_instant_(false) {}
  explicit TimeLimit(Instant at) noexcept
      : count_(at.time_since_epoch().count()), is_instant_(true) {}

  /// True if the limit has passed already, so that there is nothing to wait for.
  bool passed() const noexcept {
    return is_instant_ ? Clock::now().time_since_epoch().count() >= count_ : count_ <= 0;
  }

 private:
  friend class Timer;

  Clock::rep count_;
  bool is_instant_;
};

/// A deadline of a waiting task. It is in the timer wheel from arming until it fires or dies.
class Timer {
 public:
  Timer() noexcept = default;
  /// A timer may be moved until it is armed.
  Timer([[maybe_unused]] Timer&& other) noexcept { EDDY_ASSERT(!other.node_.armed()); }
  Timer& operator=(Timer&&) = delete;
  ~Timer() { cancel(); }

  void arm(Waiter& waiter, TimeLimit limit) noexcept {
    TimerWheel& wheel = Worker::of_running_task().wheel();
    if (limit.is_instant_) {
      wheel.arm_at(node_, waiter, Instant(Duration(limit.count_)));
    } else {
      wheel.arm_after(node_, waiter, Duration(limit.count_));
    }
  }
  void cancel() noexcept { TimerWheel::cancel(node_); }
  bool armed() const noexcept { return node_.armed(); }
  bool fired() const noexcept { return node_.fired(); }
  /// When the timer fires, which is armed with `limit`; or, if it is not armed yet, when it would
  /// if it were armed at `now`. For a length, up to a tick early. The wheel has been settled at
  /// `now`.
  EDDY_EXPORT Instant deadline(TimeLimit limit, Instant now) const noexcept;

 private:
  TimerNode node_;
};

}  // namespace eddy::detail
