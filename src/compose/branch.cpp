// SPDX-License-Identifier: MIT

#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/fatal.hpp"

#include <cstdint>

namespace eddy::detail {
namespace {

constinit thread_local std::uint64_t draws = 0x9e3779b97f4a7c15;

}  // namespace

/// Marsaglia, "Xorshift RNGs" (2003).
std::size_t draw_first(std::size_t count) noexcept {
  draws ^= draws << 13;
  draws ^= draws >> 7;
  draws ^= draws << 17;
  return static_cast<std::size_t>(draws % count);
}

void stop_no_concurrency() noexcept {
  fatal("eddy::Concurrency(0) lets no task run; let one or more");
}

void stop_without_branch() noexcept {
  fatal("when_any and first_ok need a task: nothing of an empty vector could ever end");
}

}  // namespace eddy::detail
