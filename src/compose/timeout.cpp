// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"

#include "worker/around.hpp"

#include <algorithm>

namespace eddy {

Instant deadline() noexcept {
  detail::Worker* const worker = detail::Worker::current_if_any();
  Instant nearest = Instant::max();
  if (worker == nullptr || worker->caller() == nullptr) return nearest;
  const Instant now = Clock::now();
  worker->wheel().settle(now);
  detail::for_each_owner(worker->caller(), [&](const detail::TaskOwner& owner) {
    nearest = std::min(nearest, owner.deadline(now));
    return false;
  });
  return nearest;
}

Duration time_left() noexcept {
  const Instant limit = deadline();
  if (limit == Instant::max()) return Duration::max();
  const Instant now = Clock::now();
  return limit > now ? limit - now : Duration::zero();
}

}  // namespace eddy
