// SPDX-License-Identifier: MIT

#include "eddy/core/atomics.hpp"

#include "eddy/platform/spin.hpp"

#include <thread>

namespace eddy::detail {
namespace {

/// How often a thread pauses, which takes about a microsecond in all, before it gives its processor
/// away: the thread that it waits for may not be running.
constexpr unsigned kPauses = 32;

}  // namespace

void StdAtomics::spin(unsigned round) noexcept {
  if (round < kPauses) {
    pause_processor();
  } else {
    std::this_thread::yield();
  }
}

}  // namespace eddy::detail
