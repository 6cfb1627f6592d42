// SPDX-License-Identifier: MIT

#include "eddy/worker/timer.hpp"

namespace eddy::detail {

Instant Timer::deadline(TimeLimit limit, Instant now) const noexcept {
  if (limit.is_instant_) return Instant(Duration(limit.count_));
  if (fired()) return now;
  const Instant latest = saturating_add(now, Duration(limit.count_));
  return armed() && latest != Instant::max() ? TimerWheel::deadline_of(node_) : latest;
}

}  // namespace eddy::detail
