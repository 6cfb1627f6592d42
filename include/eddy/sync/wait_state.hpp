// The state of a wait that another thread may end.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/atomics.hpp"

#include <cstdint>

namespace eddy::detail {

/// How a wait stands.
enum class WaitState : std::uint8_t {
  none,     ///< it has not begun, or its outcome has been taken
  waiting,  ///< it is in its list
  leaving,  ///< its task ends it before its time, and is about to take it out of the list
  granted,  ///< the task has what it waited for
  refused,  ///< what it waited for is gone
  closed,   ///< what it waited for was closed
};

/// The state of a wait. The task's thread and one that ends the wait race for it: only one of
/// `end` and `leave` succeeds.
template <class Atomics = StdAtomics>
class SharedWaitState {
 public:
  /// Whoever sees the end of a wait sees all that came before that end.
  WaitState get() const noexcept { return state_.load(std::memory_order_acquire); }
  /// **Thread**: the task's.
  void set(WaitState state) noexcept { state_.store(state, std::memory_order_relaxed); }
  /// False: the task is leaving.
  bool end(WaitState how) noexcept { return change(how, std::memory_order_release); }
  /// False: the wait has ended, and the caller sees all that came before its end.
  /// **Thread**: the task's.
  bool leave() noexcept { return change(WaitState::leaving, std::memory_order_acquire); }

 private:
  bool change(WaitState to, std::memory_order order) noexcept {
    WaitState waiting = WaitState::waiting;
    return state_.compare_exchange_strong(waiting, to, order);
  }

  typename Atomics::template Atomic<WaitState> state_{WaitState::none};
};

}  // namespace eddy::detail
