// What can wait for something, and be woken: the part of a task that the lower floors know.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/raw_source.hpp"

#include <cstdint>
#include <utility>

namespace eddy {

/// What a task waits for on a source.
enum class Direction : std::uint8_t {
  read,
  write,
  closed,  ///< the end of both directions
};

namespace detail {

/// A source, as its waiters know it. It neither moves nor becomes another source until every task
/// that was waiting when it was removed has run or died.
struct Watched {
  bool gone() const noexcept { return source == kNoSource; }

  RawSource source = kNoSource;
  std::uint32_t watchers = 0;  ///< how many waiters refer to it
};

/// Where a debugger finds what it shows: src/compose/debug_layout.cpp.
struct DebugLayout;

/// Something that can be made runnable: the part of a task that the reactor and the wheel know.
///
/// Its link is in at most one list: the ready queue, the waiters of a source, or the worker's list
/// of tasks that wait for anything else. So any wait is cancelled in one way: unlink and unwatch.
/// A waiter belongs to one thread.
class Waiter : public ListNode {
 public:
  Waiter() noexcept { make_idle(); }
  explicit Waiter(Unused unused) noexcept
      : ListNode(unused), state(State::idle), direction(Direction::read) {}

  enum class State : std::uint8_t {
    idle,       ///< waits; a wake puts it on the ready queue
    scheduled,  ///< on the ready queue, or about to be cancelled; a wake does nothing
    running,    ///< its code is on the stack
    notified,   ///< running, and woken meanwhile; goes to the ready queue when it suspends
    done,       ///< ended or cancelled; a wake does nothing
  };

  /// Makes a waiter ready for use that is new, or was made `Unused`.
  void make_idle() noexcept {
    make_alone();
    watched_ = nullptr;
    state = State::idle;
  }

  /// Waits on `watched` from now on. Call `unwatch` when the task runs again, or ends.
  void watch(Watched& watched, Direction which) noexcept {
    EDDY_ASSERT(watched_ == nullptr);
    watched_ = &watched;
    ++watched.watchers;
    direction = which;
  }
  /// Ends the wait on what it watches. False if that is gone, whether it went before or after the
  /// wake: then the operation ends with operation_canceled and must not touch the source.
  bool unwatch() noexcept {
    EDDY_ASSERT(watched_ != nullptr);
    EDDY_ASSERT(watched_->watchers != 0);
    Watched& watched = *std::exchange(watched_, nullptr);
    --watched.watchers;
    return !watched.gone();
  }
  bool watches() const noexcept { return watched_ != nullptr; }
  bool watches(const Watched& watched) const noexcept { return watched_ == &watched; }
  /// True if `unwatch` will return false.
  bool refused() const noexcept { return watched_ != nullptr && watched_->gone(); }

 private:
  friend struct DebugLayout;

  Watched* watched_;

 public:
  State state;
  Direction direction;  ///< in which it waits on what it watches
};

}  // namespace detail
}  // namespace eddy
