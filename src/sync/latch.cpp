// SPDX-License-Identifier: MIT

#include "eddy/sync/latch.hpp"

#include "eddy/platform/fatal.hpp"

namespace eddy {

void Latch::count_down(std::size_t count) noexcept {
  if (count == 0) return;
  const std::size_t before = count_.fetch_sub(count, std::memory_order_acq_rel);
  if (before < count) {
    detail::fatal("a Latch was counted down below zero; give its constructor the whole count");
  }
  if (before == count) zero_.set();
}

}  // namespace eddy
