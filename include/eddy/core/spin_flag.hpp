// A lock that is held for a few instructions.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/atomics.hpp"

namespace eddy::detail {

/// A lock for state that several threads share. Whoever holds it makes no system call, does not
/// allocate, and runs no code of the user.
template <class Atomics = StdAtomics>
class SpinFlag {
 public:
  void lock() noexcept {
    if (held_.exchange(true, std::memory_order_acquire)) [[unlikely]] {
      lock_slowly();
    }
  }
  void unlock() noexcept { held_.store(false, std::memory_order_release); }

 private:
  void lock_slowly() noexcept {
    unsigned round = 0;
    do {
      // Reads until it is free: an exchange would take the cache line from the holder each time.
      while (held_.load(std::memory_order_relaxed)) Atomics::spin(round++);
    } while (held_.exchange(true, std::memory_order_acquire));
  }

  typename Atomics::template Atomic<bool> held_{false};
};

}  // namespace eddy::detail
