// Ticks at a fixed period.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/time/sleep.hpp"

#include <cstdint>

namespace eddy {

/// What an `Interval` does after a tick that was awaited too late.
enum class MissedTick : std::uint8_t {
  burst,  ///< missed ticks complete at once, one after the other, until none is left
  delay,  ///< the next tick comes one period after the late one: the schedule moves
  skip,   ///< missed ticks are left out; the next tick is the next one of the schedule
};

/// A schedule of ticks. `tick()` completes once a period; the first time at once.
///
///     eddy::Interval every(100ms, eddy::MissedTick::skip);
///     for (;;) {
///       co_await every.tick();
///       report();
///     }
class EDDY_EXPORT Interval {
 public:
  /// `period` must be more than zero: the program stops otherwise.
  explicit Interval(detail::AnyDuration period, MissedTick missed = MissedTick::burst)
      : Interval(Clock::now(), period, missed) {}
  /// As above, with the first tick at `start`.
  Interval(detail::AnyInstant start, detail::AnyDuration period,
           MissedTick missed = MissedTick::burst);

  class [[nodiscard("nothing happens until it is awaited: write co_await")]] TickOp final
      : public detail::Operation {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit TickOp(Interval& interval) noexcept : interval_(&interval) {}

    bool try_start() const noexcept { return Clock::now() >= interval_->next_; }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      timer_.arm(waiter, detail::TimeLimit(interval_->next_));
      return true;
    }
    bool advance(detail::Waiter& waiter) noexcept override {
      // Another task may have taken the tick.
      return timer_.fired() && (try_start() || !begin_wait(waiter));
    }
    detail::Waiting describe() const noexcept override { return {"a tick", kNoSource}; }
    Instant take() noexcept { return interval_->take_tick(Clock::now()); }

   private:
    Interval* interval_;
    detail::Timer timer_;
  };

  /// Waits for the next tick. Gives the instant for which that tick was scheduled.
  /// **Cancel**: nothing is lost: the next call waits for the same tick.
  TickOp tick() noexcept { return TickOp(*this); }

  Duration period() const noexcept { return period_; }
  /// When the next tick is due.
  Instant next() const noexcept { return next_; }

 private:
  Instant take_tick(Instant now) noexcept;

  Instant next_;
  Duration period_;
  MissedTick missed_;
};

}  // namespace eddy
