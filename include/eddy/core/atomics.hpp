// The atomics of the lock-free and spinning parts of the library.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <atomic>

namespace eddy::detail {

/// The atomics that classes with a parameter `Atomics` use in the library. `tests/models` compiles
/// the same classes with the atomics of a model checker, which runs their threads in every order.
struct StdAtomics {
  template <class T>
  using Atomic = std::atomic<T>;

  /// Passes a little time, for a thread that waits for another thread's next instructions. `round`
  /// is how often it has waited before.
  EDDY_EXPORT static void spin(unsigned round) noexcept;
};

}  // namespace eddy::detail
