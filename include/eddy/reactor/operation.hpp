// What waits, what it waits on, and the queue of what may run: the vocabulary that the reactor, the
// timer wheel and the executor share.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/reactor/list.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eddy {

/// What a task waits for on a source. Their numbers are bits of what an event wakes.
enum class Direction : std::uint8_t {
  read,
  write,
  closed,  ///< neither: the end of both
};

namespace detail {

/// A source, as its waiters know it. It stays where it is, and is not made another, before the last
/// of them that were waiting when it went has run.
struct Watched {
  bool gone() const noexcept { return source == kNoSource; }

  RawSource source = kNoSource;
  std::uint32_t watchers = 0;  ///< how many waiters refer to it
};

/// Where a debugger finds what it shows: src/executor/debug_layout.cpp.
struct DebugLayout;

/// Something that can be made runnable: the part of a task that the reactor and the wheel know.
///
/// Its link is in one list at most: the ready queue, the waiters of a source, or the executor's
/// list of those who wait for something else. So cancelling a wait, whatever it is for, is to
/// unlink and to unwatch. Belongs to one thread.
class Waiter : public ListNode {
 public:
  Waiter() noexcept { make_idle(); }
  explicit Waiter(Unused unused) noexcept
      : ListNode(unused), state(State::idle), direction(Direction::read) {}

  enum class State : std::uint8_t {
    idle,       ///< waits; a wake puts it on the ready queue
    scheduled,  ///< on the ready queue, or about to be cancelled; a wake does nothing
    running,    ///< its code is on the stack
    notified,   ///< running, and woken meanwhile: it goes to the ready queue when it suspends
    done,       ///< ended or cancelled; a wake does nothing
  };

  /// Of one that is new, or was unused.
  void make_idle() noexcept {
    make_alone();
    watched_ = nullptr;
    state = State::idle;
  }

  /// Waits on `watched` from now on, to `unwatch` it when it runs again, or ends.
  void watch(Watched& watched, Direction which) noexcept {
    watched_ = &watched;
    ++watched.watchers;
    direction = which;
  }
  /// Waits no longer on what it watches. False if what it waited on is gone, be it before or after
  /// the wake: the operation ends with operation_canceled and must not touch it.
  bool unwatch() noexcept {
    Watched& watched = *std::exchange(watched_, nullptr);
    --watched.watchers;
    return !watched.gone();
  }
  bool watches() const noexcept { return watched_ != nullptr; }
  /// What `unwatch` will say.
  bool refused() const noexcept { return watched_ != nullptr && watched_->gone(); }

 private:
  friend struct DebugLayout;

  Watched* watched_;

 public:
  State state;
  Direction direction;  ///< in which it waits on what it watches
};

/// The FIFO of what may run on this thread. A wake pushes here, and does nothing else.
class ReadyQueue {
 public:
  /// Takes `waiter` out of the list that it waits in and makes it runnable. Idempotent.
  void wake(Waiter& waiter) noexcept {
    if (waiter.state == Waiter::State::idle) {
      waiter.unlink();
      push(waiter);
    } else if (waiter.state == Waiter::State::running) {
      waiter.state = Waiter::State::notified;
    }
  }

  /// Makes `waiter` the next to run, also if it was further back.
  void wake_next(Waiter& waiter) noexcept {
    if (waiter.state == Waiter::State::idle || waiter.state == Waiter::State::scheduled) {
      waiter.unlink();
      waiter.state = Waiter::State::scheduled;
      list_.push_front(waiter);
    } else if (waiter.state == Waiter::State::running) {
      waiter.state = Waiter::State::notified;
    }
  }

  /// Puts `waiter`, which is in no list, last.
  void push(Waiter& waiter) noexcept {
    waiter.state = Waiter::State::scheduled;
    list_.push_back(waiter);
  }

  /// The first, taken out; null if there is none.
  Waiter* pop() noexcept {
    if (!list_.linked()) return nullptr;
    ListNode* first = list_.next;
    first->unlink();
    return static_cast<Waiter*>(first);
  }

  bool empty() const noexcept { return !list_.linked(); }
  ListNode& list() noexcept { return list_; }

 private:
  friend struct DebugLayout;

  ListNode list_;
};

/// What a task waits for, in the words of a task dump.
struct Waiting {
  const char* what = "";
  RawSource source = kNoSource;
};

/// A leaf of a chain of coroutines: what a task does when it is not running code of its own.
///
/// The loop, never the reactor, calls `advance` after each wake. So a system call happens on
/// resume, not on wake, and a branch that is woken and cancelled in the same turn loses nothing.
class EDDY_EXPORT Operation {
 public:
  /// Takes one more step. True: complete, the coroutine goes on. False: it has arranged for a wake.
  virtual bool advance(Waiter& waiter) noexcept = 0;

  virtual Waiting describe() const noexcept = 0;

  /// For who cancels the task that waits: gives up one branch, a task that this operation owns, to
  /// be destroyed first. Null if there is none left. So a chain of branches within branches is
  /// cancelled in a loop, however long it is.
  virtual Waiter* give_up_branch() noexcept { return nullptr; }

 protected:
  Operation() noexcept = default;
  Operation(const Operation&) noexcept = default;
  Operation(Operation&&) noexcept = default;
  Operation& operator=(const Operation&) noexcept = default;
  Operation& operator=(Operation&&) noexcept = default;
  ~Operation() = default;
};

}  // namespace detail
}  // namespace eddy
