// SPDX-License-Identifier: MIT

#include "eddy/time/interval.hpp"

#include "eddy/platform/fatal.hpp"

#include <cstdint>

namespace eddy {
namespace {

/// The time from the last tick before `now` to `now`; `tick` is any tick of the schedule. Unsigned,
/// because `now` - `tick` may be more than a `Duration` can hold.
Duration since_last_tick(Instant tick, Instant now, Duration period) noexcept {
  const auto late = static_cast<std::uint64_t>(now.time_since_epoch().count()) -
                    static_cast<std::uint64_t>(tick.time_since_epoch().count());
  return Duration(static_cast<Clock::rep>(late % static_cast<std::uint64_t>(period.count())));
}

}  // namespace

Interval::Interval(detail::AnyInstant start, detail::AnyDuration period, MissedTick missed)
    : next_(start), period_(period), missed_(missed) {
  if (period_ <= Duration::zero()) detail::fatal("an Interval needs a period of more than zero");
}

Instant Interval::take_tick(Instant now) noexcept {
  const Instant scheduled = next_;
  switch (missed_) {
    case MissedTick::burst:
      next_ = detail::saturating_add(scheduled, period_);
      break;
    case MissedTick::delay:
      next_ = detail::saturating_add(now, period_);
      break;
    case MissedTick::skip:
      next_ = detail::saturating_add(now, period_ - since_last_tick(scheduled, now, period_));
      break;
  }
  return scheduled;
}

}  // namespace eddy
