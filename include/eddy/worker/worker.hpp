// The worker of a thread, which runs its loop. Programs call `block_on` and `spawn` instead.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/ready_queue.hpp"
#include "eddy/core/timer_wheel.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/home.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/promise_base.hpp"

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>

namespace eddy::detail {

class Worker;
class Inbox;

/// The number of operations that may succeed at once, one after another, before a task yields.
inline constexpr std::uint8_t kBudget = 48;

/// Puts a worker into the list that a debugger walks, in a live process or a core file.
class Listed {
 public:
  Listed() noexcept;
  Listed(const Listed&) = delete;
  Listed& operator=(const Listed&) = delete;
  ~Listed();

 private:
  friend struct DebugLayout;

  Listed* next_ = nullptr;
  std::uintptr_t thread_ = 0;  ///< the thread's id, as the debugger knows it
};

/// The one object of a thread: its reactor, its timers, its inbox, and the loop that runs its
/// tasks. A turn of the loop runs tasks from the ready queue, then looks at the inbox, the reactor
/// and the timer wheel. If no task can run, that look parks the thread.
///
/// **Thread**: its own. Other threads reach it through its `Inbox`.
class Worker final : public Home {
 public:
  /// The worker of this thread, made at first use.
  static Worker& current() {
    Worker* const worker = current_if_any();
    return worker != nullptr ? *worker : make_current();
  }
  /// The worker that runs the calling task. Stops the program if this copy of eddy runs no loop on
  /// the thread. Two copies in a process, such as a program's and a plugin's, have a worker each.
  /// Nobody would wake a task that waits by the wrong copy.
  static Worker& of_running_task() noexcept {
    Home* const looping = thread_home.looping;
    return looping != nullptr ? static_cast<Worker&>(*looping) : stop_outside_loop();
  }
  /// The worker of this thread; null if there is none.
  static Worker* current_if_any() noexcept { return static_cast<Worker*>(thread_home.home); }
  /// Makes `next` the worker of this thread; null leaves the thread with none. Returns the worker
  /// before it. The caller owns both. A worker whose loop runs must be current again before its
  /// loop goes on.
  EDDY_EXPORT static Worker* switch_to(Worker* next) noexcept;

  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Takes over a task, and schedules it. The worker destroys its frame when it ends.
  void spawn(PromiseBase& task, TaskOwner* owner) noexcept {
    task.own_owner() = owner;
    task.since() = now_;
    ++live_;
    ready.push(task);
    if (!no_shielded_) [[unlikely]] {
      note_shielded(task);
    }
  }
  /// Marks `task` as shielded, so that the end of `block_on` waits for it. Call before `spawn`.
  void shield(PromiseBase& task) noexcept {
    task.shielded = true;
    ++shielded_;
    no_shielded_ = false;
  }
  /// Takes over a branch of the running task, and runs the branch up to its first wait.
  EDDY_EXPORT void start_branch(PromiseBase& branch) noexcept;
  /// As `spawn`, but runs the task up to its first wait, inside the running task.
  void start(PromiseBase& task, TaskOwner* owner) noexcept {
    task.own_owner() = owner;
    if (!no_shielded_) [[unlikely]] {
      note_shielded(task);
    }
    start_branch(task);
  }
  /// Destroys a task that is not running: first its branches, then its frames, innermost first.
  /// Does not tell the task's owner.
  EDDY_EXPORT void destroy(PromiseBase& task) noexcept;
  /// Asks the loop to cancel a task. If the task is running, the loop cancels it when it suspends.
  void abort(PromiseBase& task) noexcept;
  void wake(Waiter& waiter) noexcept { ready.wake(waiter); }
  /// Wakes `waiter`, and makes it the next to run: a branch of it may have taken data. It runs in
  /// this turn, so before any abort that another thread has sent.
  void wake_next(Waiter& waiter) noexcept {
    ready.wake_next(waiter);
    if (left_ < 2) {
      turn_length_ += 2 - left_;
      left_ = 2;
    }
  }

  /// Called when `task` has awaited as many children as it may. True: it must yield. False: it may
  /// await some more.
  bool children_used_up(PromiseBase& task) noexcept;

  /// Runs tasks until `done`. Then cancels the tasks that are left, and waits for the shielded
  /// ones.
  EDDY_EXPORT void run_until(const bool& done);
  /// Notes that the thread ends while the loop runs: a task has called `exit`.
  void note_exit() noexcept;
  /// True if code of `task`, or of a branch of it, is on the stack: it runs, or is being destroyed.
  /// Then nobody may destroy `task`. It is no branch.
  bool is_on_stack(const PromiseBase& task) const noexcept;
  /// True if no task of this worker may be destroyed any more: one has called `exit`, or one of
  /// another thread has while this is not the worker of the thread that asks.
  bool exited() const noexcept {
    return exits_in_task() && (exit_in_loop_ || this != current_if_any());
  }
  /// True once a task has called `exit`: its frame, and what it holds, is never destroyed.
  EDDY_EXPORT static bool exits_in_task() noexcept;

  TimerWheel& wheel() noexcept { return wheel_; }
  Inbox& inbox() noexcept { return *inbox_; }
  Instant now() const noexcept { return now_; }
  /// The running task; null if there is none.
  PromiseBase* running() const noexcept { return running_; }
  /// The task to which the code that calls belongs: a cancelled task whose frames are being
  /// destroyed, or else the running task. Null if there is none.
  const PromiseBase* caller() const noexcept {
    return doomed_ != nullptr ? doomed_->task : running_;
  }
  /// Why the task to which the code that calls belongs was cancelled; `none` if it was not.
  CancelReason cancel_reason() const noexcept {
    return doomed_ != nullptr ? reason_to_cancel() : CancelReason::none;
  }
  /// Why the task that is being abandoned, or destroyed, is cancelled.
  CancelReason reason_to_cancel() const noexcept {
    return reason_ != CancelReason::none ? reason_ : CancelReason::other_branch;
  }
  void set_busy_poll(Duration length) noexcept { busy_poll_ = length; }
  /// Calls `f(task)` with every task that has not ended, except those that the end of `block_on` is
  /// about to cancel: first tasks that run or can run, then tasks that wait. `f` may unlink the
  /// task.
  template <class F>
  void for_each_task(F f);

 private:
  friend struct DebugLayout;
  friend class Cancelling;

  /// A task that starts a branch, during the first run of that branch.
  struct Starter {
    PromiseBase* task;
    const Starter* before;
  };

  /// A cancelled task whose frames are being destroyed.
  struct Doomed {
    PromiseBase* task;
    const Doomed* before;
  };

  /// True if `task`, or a task whose branch it is, is shielded or was spawned by a shielded task.
  bool is_for_shielded(const PromiseBase& task) const noexcept;
  /// Notes in `spawned` whether `is_for_shielded` holds for its spawner: the running task, or the
  /// task whose frames are being destroyed.
  EDDY_EXPORT void note_shielded(PromiseBase& spawned) const noexcept;
  EDDY_EXPORT static Worker& make_current();
  friend Home& make_home();
  [[noreturn]] EDDY_EXPORT static Worker& stop_outside_loop() noexcept;
  void turn();
  std::uint8_t run(PromiseBase& task, std::uint8_t budget) noexcept;
  void suspend(PromiseBase& task) noexcept;
  void finish(PromiseBase& task) noexcept;
  void cancel(PromiseBase& task) noexcept;
  template <class Free>
  void release(PromiseBase& task, Free free_frames) noexcept;
  void release_extras(PromiseBase& task) noexcept;
  static void end_wakes(PromiseBase& task) noexcept;
  void destroy_alone(PromiseBase& task) noexcept;
  void destroy_with_branches(PromiseBase& task) noexcept;
  /// Ends the turn after the task that runs.
  void end_turn() noexcept {
    turn_length_ -= left_ - 1;
    left_ = 1;
  }
  void look();
  void park();
  bool poll_busily();
  void follow_rebuild();
  void poll(std::optional<Duration> timeout);
  void adapt_turn(Instant now) noexcept;
  void cancel_all(CancelReason why) noexcept;

  Inbox* inbox_;
  TimerWheel wheel_;
  ListNode waiting_;      ///< tasks that wait, but not in the list of a slot
  std::size_t live_ = 0;  ///< the number of tasks that have not ended
  PromiseBase* running_ = nullptr;
  const Starter* starters_ = nullptr;  ///< innermost first
  const Doomed* doomed_ = nullptr;     ///< innermost first
  Instant now_;                        ///< the loop's last reading of the clock
  Instant children_seen_;              ///< the last reading in `children_used_up`
  unsigned child_grants_ = 0;          ///< the number of calls of `children_used_up` in this turn
  Duration busy_poll_{};
  WaitSlack slack_;                   ///< of this thread's waits
  const bool* done_ = &no_shielded_;  ///< the condition that ends `run_until`
  std::size_t shielded_ = 0;          ///< the number of live shielded tasks
  bool no_shielded_ = true;           ///< true if there are none
  unsigned fitting_;          ///< how many tasks fit into a turn, judged by the last turn's length
  unsigned reported_ = 0;     ///< the number of events that the last poll reported
  unsigned turn_length_ = 0;  ///< how many tasks this turn runs, if the queue has so many
  unsigned left_ = 0;         ///< how many of them are left, with the running one
  std::uint32_t rebuilds_seen_ = 0;  ///< the rebuild count for which the inbox's notifier was made
  bool exit_in_loop_ = false;
  bool ends_for_shielded_ = false;            ///< `is_for_shielded` of the task that ended last
  CancelReason reason_ = CancelReason::none;  ///< why tasks are being destroyed, if noted
  Listed listed_;
};

/// While it lives, tasks are destroyed for the reason `why`, unless this is part of a cancellation
/// that has begun before: then the reason of that one holds. Without it the reason is that another
/// branch has decided.
class Cancelling {
 public:
  Cancelling(Worker& worker, CancelReason why) noexcept : worker_(worker), before_(worker.reason_) {
    if (before_ == CancelReason::none && worker.doomed_ == nullptr) worker.reason_ = why;
  }
  Cancelling(const Cancelling&) = delete;
  Cancelling& operator=(const Cancelling&) = delete;
  ~Cancelling() { worker_.reason_ = before_; }

 private:
  Worker& worker_;
  CancelReason before_;
};

template <class F>
void Worker::for_each_task(F f) {
  const auto for_each_in = [&](ListNode& list) {
    for (ListNode* node = list.next; node != &list;) {
      f(PromiseBase::of(*std::exchange(node, node->next)));
    }
  };
  if (running_ != nullptr) f(*running_);
  for (const Starter* it = starters_; it != nullptr; it = it->before) f(*it->task);
  for_each_in(ready.list());
  for_each_in(waiting_);
  reactor.wakers().for_each([&](Slot& slot) { for_each_in(slot.waiters); });
}

}  // namespace eddy::detail
