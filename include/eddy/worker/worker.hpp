// The run loop of a thread. Programs do not see it: they call `block_on` and `spawn`.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/ready_queue.hpp"
#include "eddy/core/timer_wheel.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/home.hpp"
#include "eddy/reactor/reactor.hpp"
#include "eddy/worker/promise_base.hpp"
#include "eddy/worker/task_header.hpp"

#include <atomic>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>

namespace eddy::detail {

class Worker;
class Inbox;

/// Operations that may succeed at once, one after another, before a task yields.
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
  std::uintptr_t thread_ = 0;  ///< its number, as the debugger has it
};

/// The one object of a thread: its reactor, its timers, its inbox, and the loop that runs its
/// tasks. Turns alternate: tasks that can run, then a look at other threads' wakes, the reactor and
/// the wheel; with nothing to run, the look parks until there is something.
///
/// **Thread**: its own; other threads reach it through its `Inbox`.
class Worker final : public Home {
 public:
  /// The thread's, made at first use.
  static Worker& current() {
    Worker* const worker = current_if_any();
    return worker != nullptr ? *worker : make_current();
  }
  /// The one that runs the task that calls this. Stops the program if this copy of eddy runs no
  /// loop on the thread: two copies in a process, such as a program's and a plugin's, have a worker
  /// each, and a task that waits by the wrong one would never be woken.
  static Worker& of_running_task() noexcept {
    Home* const looping = thread_home.looping;
    return looping != nullptr ? static_cast<Worker&>(*looping) : stop_outside_loop();
  }
  /// The thread's, or null if there is none.
  static Worker* current_if_any() noexcept { return static_cast<Worker*>(thread_home.home); }
  /// From now on `next` is the worker of this thread, or none if it is null; gives the one before.
  /// The caller owns both. One whose loop runs must be put back before that goes on.
  EDDY_EXPORT static Worker* switch_to(Worker* next) noexcept;

  Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Takes over a task, whose frame the worker destroys when it ends, and makes it runnable.
  void spawn(TaskHeader& task, TaskOwner* owner) noexcept {
    task.owner = owner;
    task.since = now_;
    ++live_;
    ready_->push(task);
    if (!no_shielded_) [[unlikely]] {
      note_shielded(task);
    }
  }
  /// The end of `block_on` waits for `task`, which has not been spawned yet.
  void shield(TaskHeader& task) noexcept {
    task.shielded = true;
    ++shielded_;
    no_shielded_ = false;
  }
  /// Takes over a branch of the task that runs now, and runs it up to its first wait.
  EDDY_EXPORT void start_branch(TaskHeader& branch, TaskOwner& owner) noexcept;
  /// Destroys the frames of a task that is not running, and before them its branches, innermost
  /// first. Its owner is not told.
  EDDY_EXPORT void destroy(TaskHeader& task) noexcept;
  /// Asks for a task to be cancelled: the loop destroys it, at its next suspension if it is
  /// running.
  void abort(TaskHeader& task) noexcept;
  void wake(Waiter& waiter) noexcept { ready_->wake(waiter); }
  /// Wakes `waiter` ahead of all others, also of an abort that another thread has asked for: a
  /// branch of it may have taken something.
  void wake_next(Waiter& waiter) noexcept {
    ready_->wake_next(waiter);
    if (left_in_turn_ == 1) left_in_turn_ = 2;
  }

  /// `task` has awaited as many children as it was allowed to. True: it must yield. False: it may
  /// await some more.
  bool children_used_up(TaskHeader& task) noexcept;

  /// Runs tasks until `done`, then cancels those that are left and waits for the shielded ones.
  EDDY_EXPORT void run_until(const bool& done);
  /// The thread ends while the loop runs: a task has called `exit`.
  void note_exit() noexcept { exit_in_loop_ = true; }

  TimerWheel& wheel() noexcept { return wheel_; }
  Inbox& inbox() noexcept { return *inbox_; }
  Instant now() const noexcept { return now_; }
  /// The task that runs; null if none does.
  TaskHeader* running() const noexcept { return running_; }
  /// A task that starts a branch, while that runs for the first time.
  struct Starter {
    TaskHeader* task;
    const Starter* before;
  };
  /// Those of the branch that runs, if it is new; the nearest first.
  const Starter* starters() const noexcept { return starters_; }
  void set_busy_poll(Duration length) noexcept { busy_poll_ = length; }
  /// Calls `f(task)` with every task that has not ended, but for those that the end of `block_on`
  /// is about to cancel: first what runs or can run, then what waits. `f` may take the task out of
  /// its list.
  template <class F>
  void for_each_task(F f);

 private:
  friend struct DebugLayout;

  /// `task` is shielded, or was spawned by such a task, or is a branch of one.
  bool is_for_shielded(const TaskHeader& task) const noexcept;
  /// Notes in `spawned` whether that is so of the task that spawns it: the one that runs, or the
  /// one whose frames are destroyed.
  EDDY_EXPORT void note_shielded(TaskHeader& spawned) const noexcept;
  EDDY_EXPORT static Worker& make_current();
  friend Home& make_home();
  [[noreturn]] EDDY_EXPORT static Worker& stop_outside_loop() noexcept;
  void turn();
  std::uint8_t run(TaskHeader& task, std::uint8_t budget) noexcept;
  void suspend(TaskHeader& task) noexcept;
  void finish(TaskHeader& task) noexcept;
  void cancel(TaskHeader& task) noexcept;
  template <class Free>
  void release(TaskHeader& task, Free free_frames) noexcept;
  static void end_wait(TaskHeader& task) noexcept;
  void destroy_alone(TaskHeader& task) noexcept;
  void destroy_with_branches(TaskHeader& task) noexcept;
  void look();
  void park();
  bool poll_busily();
  void follow_rebuild();
  void poll(std::optional<Duration> timeout);
  void adapt_turn(Instant now) noexcept;
  void cancel_all() noexcept;

  ReadyQueue* ready_;  ///< the reactor's
  Inbox* inbox_;
  TimerWheel wheel_;
  ListNode waiting_;      ///< tasks that wait for something that has no list of `Waiter`
  std::size_t live_ = 0;  ///< how many tasks have not ended
  TaskHeader* running_ = nullptr;
  const Starter* starters_ = nullptr;  ///< those of the branch that runs, if it is new
  Instant now_;                        ///< the last reading of the clock, but for those below
  Instant children_seen_;              ///< when a task last used up its children
  unsigned child_grants_ = 0;          ///< how often that was, in this turn
  Duration busy_poll_{};
  WaitSlack slack_;                   ///< of this thread's waits
  const bool* done_ = &no_shielded_;  ///< whether what `run_until` runs for has ended
  std::size_t shielded_ = 0;          ///< how many tasks are,
  bool no_shielded_ = true;           ///< and whether that is none
  unsigned fitting_;           ///< how many tasks a turn may have, going by how long they took
  unsigned reported_ = 0;      ///< events of a poll since the last turn began
  unsigned turn_length_ = 0;   ///< how many tasks this turn may have,
  unsigned left_in_turn_ = 0;  ///< and how many of them are left
  std::uint32_t rebuilds_seen_ = 0;  ///< the inbox notifies the reactor's object of this count
  bool exit_in_loop_ = false;
  bool ends_for_shielded_ = false;  ///< of the task that ended or was cancelled last
  Listed listed_;
};

template <class F>
void Worker::for_each_task(F f) {
  const auto for_each_in = [&](ListNode& list) {
    for (ListNode* node = list.next; node != &list;) {
      f(static_cast<TaskHeader&>(static_cast<Waiter&>(*std::exchange(node, node->next))));
    }
  };
  if (running_ != nullptr) f(*running_);
  for (const Starter* it = starters_; it != nullptr; it = it->before) f(*it->task);
  for_each_in(ready_->list());
  for_each_in(waiting_);
  reactor.wakers().for_each([&](Slot& slot) { for_each_in(slot.waiters); });
}

}  // namespace eddy::detail
