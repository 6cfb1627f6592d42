// Tasks of any thread that wait for one thing, which the threads share: a mutex, an event.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/spin_flag.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/wait_state.hpp"
#include "eddy/worker/remote_wakes.hpp"
#include "eddy/worker/worker.hpp"

#include <system_error>

namespace eddy::detail {

/// One wait in a `SharedWaits`: a member, or a base, of the operation that a task waits on. Its
/// link is in the list of waits; or, once another thread has ended the wait, among the wakes that
/// are on their way to the task's thread.
///
/// **Thread**: the task's, but for what a `SharedLock` does.
class SharedWait : private RemoteWake {
 public:
  // An operation that does not wait needs no links, so they are made where it begins to wait.
  SharedWait() noexcept : RemoteWake(Unused()) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
  /// May be moved until it begins.
  SharedWait([[maybe_unused]] SharedWait&& other) noexcept : SharedWait() {
    EDDY_ASSERT(other.state() == WaitState::none);
  }
  SharedWait& operator=(SharedWait&&) = delete;
  ~SharedWait() { EDDY_ASSERT(state() == WaitState::none); }

  WaitState state() const noexcept { return state_.get(); }
  bool waits() const noexcept { return state() == WaitState::waiting; }
  /// Notes the outcome of an operation that does not wait.
  void set(WaitState outcome) noexcept { state_.set(outcome); }
  /// The task takes the outcome of the wait, which has ended. `flag` guards the list. It is taken
  /// only if something was given to the task; else what it is part of may be gone.
  WaitState finish(SpinFlag<>& flag) noexcept {
    if (given_) [[unlikely]] {
      take(flag);
    }
    return finish();
  }
  /// As above; true if something was given to the task, for the caller to give on.
  bool finish_given(SpinFlag<>& flag) noexcept {
    const bool given = given_;
    (void)finish(flag);
    return given;
  }
  /// As above, of a list that gives nothing.
  WaitState finish() noexcept {
    const WaitState how = state();
    if (sent_) [[unlikely]] {
      take_back();
    }
    state_.set(WaitState::none);
    return how;
  }
  /// The task ends its wait before its time. True: the caller takes the wait out of its list, by
  /// `SharedLock::remove`; until then what it waits for cannot go. False: it has ended.
  [[nodiscard]] bool leave() noexcept { return state_.leave(); }

 private:
  friend class SharedWaits;
  friend class SharedLock;

  /// Its place in the list of those that were given something.
  struct Given : ListNode {
    Given() noexcept : ListNode(Unused()) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
    SharedWait* wait;
  };

  EDDY_EXPORT void take(SpinFlag<>& flag) noexcept;
  EDDY_EXPORT void take_back() noexcept;

  Worker* worker_;  ///< that of the task, once it waits
  Given given_link_;
  SharedWaitState<> state_;
  bool given_ = false;  ///< it is in the list of those that were given something
  bool sent_ = false;   ///< its wake went by another thread; that may still be on its way
};

class SharedLock;

/// The tasks that wait for one thing, oldest first. A flag beside it guards it, and the state of
/// that thing; a `SharedLock` holds the flag.
class SharedWaits {
 public:
  SharedWaits() noexcept = default;
  SharedWaits(const SharedWaits&) = delete;
  SharedWaits& operator=(const SharedWaits&) = delete;
  /// `end` must come first if a task may still wait.
  ~SharedWaits() = default;

  bool empty() const noexcept { return !list_.linked(); }
  /// The wait that comes after `before`, or the oldest; null if there is none.
  SharedWait* next(const SharedWait* before = nullptr) const noexcept {
    const ListNode* const at = before != nullptr ? before : &list_;
    return at->next == &list_ ? nullptr
                              : &static_cast<SharedWait&>(static_cast<RemoteWake&>(*at->next));
  }

  /// What the tasks wait for goes. Refuses those that wait, and calls `take_from(wait)` for each
  /// that was given something and has not run: its task no longer has that. Stops the program if
  /// one is of another thread, which may be about to use what goes. `what` that is: "a Mutex".
  /// `flag` is free. Does nothing if a task has called `exit`: then the tasks are never destroyed.
  template <class F>
  void end(SpinFlag<>& flag, const char* what, F take_from) noexcept;
  void end(SpinFlag<>& flag, const char* what) noexcept;

 private:
  friend class SharedLock;
  friend class SharedWait;

  EDDY_EXPORT void refuse_all(SpinFlag<>& flag, const char* what) noexcept;
  /// With the flag held. Null if there is none.
  EDDY_EXPORT SharedWait* next_given(const char* what) noexcept;

  ListNode list_;   ///< of `SharedWait`
  ListNode given_;  ///< of `SharedWait::Given`
};

/// Holds a flag that guards lists of waits, and whatever else the flag guards. The destructor frees
/// the flag, and then sends what this thread owes to other threads.
class SharedLock {
 public:
  explicit SharedLock(SpinFlag<>& flag) noexcept : flag_(flag) { flag.lock(); }
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;
  ~SharedLock() {
    flag_.unlock();
    if (owed_ != nullptr) [[unlikely]] {
      RemoteWakes::post_all(owed_);
    }
  }

  /// From now on `waiter`, which is the running task or a branch of it, waits by `wait`, last.
  void add(SharedWaits& waits, SharedWait& wait, Waiter& waiter) noexcept {
    begin(wait, waiter);
    waits.list_.push_back(wait);
  }
  /// As above, first: the task was the oldest, and was woken to look.
  void add_first(SharedWaits& waits, SharedWait& wait, Waiter& waiter) noexcept {
    begin(wait, waiter);
    waits.list_.push_front(wait);
  }
  /// Takes out a wait whose task leaves.
  void remove(SharedWait& wait) noexcept {
    wait.unlink();
    wait.state_.set(WaitState::none);
  }

  /// Ends `wait`, and wakes its task. False: the task is leaving, and the wait is still in its
  /// list. After true the operation with the wait may be gone, if it is of another thread.
  bool end(SharedWait& wait, WaitState how) noexcept {
    if (wait.worker_ != Worker::current_if_any()) return end_elsewhere(wait, how);
    wait.unlink();
    wait.state_.set(how);
    wait.worker_->wake(*wait.task);
    return true;
  }
  /// Ends the wait as `granted`, with something that its task must give on if it is cancelled
  /// before it runs. False as for `end`.
  bool give(SharedWaits& waits, SharedWait& wait) noexcept {
    list_given(waits, wait);  // first: the task may look as soon as the wait has ended
    if (end(wait, WaitState::granted)) return true;
    unlist_given(wait);
    return false;
  }
  /// As `give`, for the oldest wait that can be ended. False if there is none.
  bool give_first(SharedWaits& waits) noexcept { return !waits.empty() && give_first_of(waits); }
  /// The running task has taken something without a wait, and may be cancelled before it goes on.
  void give_running(SharedWaits& waits, SharedWait& wait) noexcept {
    wait.worker_ = &Worker::of_running_task();
    wait.set(WaitState::granted);
    list_given(waits, wait);
  }
  EDDY_EXPORT void end_all(SharedWaits& waits, WaitState how) noexcept;

 private:
  friend class SharedWait;
  friend class SharedWaits;

  static void begin(SharedWait& wait, Waiter& waiter) noexcept {
    EDDY_ASSERT(wait.state() == WaitState::none);
    wait.make_alone();
    wait.task = &waiter;
    wait.worker_ = &Worker::of_running_task();
    wait.state_.set(WaitState::waiting);
  }
  static void list_given(SharedWaits& waits, SharedWait& wait) noexcept {
    wait.given_ = true;
    wait.given_link_.wait = &wait;
    wait.given_link_.make_alone();
    waits.given_.push_back(wait.given_link_);
  }
  static void unlist_given(SharedWait& wait) noexcept {
    wait.given_link_.unlink();
    wait.given_ = false;
  }
  EDDY_EXPORT bool give_first_of(SharedWaits& waits) noexcept;
  EDDY_EXPORT bool end_elsewhere(SharedWait& wait, WaitState how) noexcept;

  SpinFlag<>& flag_;
  RemoteWakes* owed_ = nullptr;  ///< whose messages are to be posted, linked by `next`
};

template <class F>
void SharedWaits::end(SpinFlag<>& flag, const char* what, F take_from) noexcept {
  if (Worker::exits_in_task()) return;
  refuse_all(flag, what);
  const SharedLock held(flag);
  while (SharedWait* const wait = next_given(what)) {
    take_from(*wait);
  }
}

inline void SharedWaits::end(SpinFlag<>& flag, const char* what) noexcept {
  if (!Worker::exits_in_task()) refuse_all(flag, what);
}

/// The error of a wait that has ended without what it was for.
EDDY_EXPORT std::unexpected<std::error_code> wait_failure(WaitState how) noexcept;

[[nodiscard]] inline Result<> result_of_wait(WaitState how) noexcept {
  if (how != WaitState::granted) return wait_failure(how);
  return {};
}

}  // namespace eddy::detail
