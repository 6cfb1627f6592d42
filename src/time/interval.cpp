#include "eddy/time/interval.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy {

Interval::Interval(Instant start, Duration period, MissedTick missed)
    : next_(start), period_(period), missed_(missed) {
  if (period <= Duration::zero()) detail::fatal("an Interval needs a period of more than zero");
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
      next_ = detail::saturating_add(scheduled, ((now - scheduled) / period_ + 1) * period_);
      break;
  }
  return scheduled;
}

}  // namespace eddy
