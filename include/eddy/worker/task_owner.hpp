// Who is told that a coroutine has ended: the owner of a task, or the awaiter of a child.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"

namespace eddy::detail {

class CleanUpOrder;
class PromiseBase;
class TaskLocalBase;
class Waiter;

/// The value that a scope of a `TaskLocal` gives to the code in it.
struct LocalValue {
  const TaskLocalBase* key = nullptr;
  void* value = nullptr;
};

/// Gets the outcome of a task, and says what is around the task: its limit, a value of a
/// `TaskLocal`, its clean-up. It is a join handle, a branch or a group, say. A detached task has
/// none.
class EDDY_EXPORT TaskOwner {
 public:
  /// The task has ended. `ended` holds its value or exception, which the owner may take; null means
  /// that the task was cancelled. The frame is destroyed right after this call. The loop makes this
  /// call, never code of the task. It may wake tasks, but must not run or destroy one.
  virtual void on_end(PromiseBase* ended) noexcept = 0;
  /// The task whose branch this is; null if it is no branch.
  virtual const Waiter* branch_of() const noexcept { return nullptr; }
  /// When the owner cancels the task; `Instant::max()` if it sets no limit. The timers have been
  /// settled at `now`.
  virtual Instant deadline(Instant /*now*/) const noexcept { return Instant::max(); }
  /// The value that the owner gives to the code in the task; without a key if it gives none.
  virtual LocalValue local() const noexcept { return {}; }
  /// That of the `finally` whose operation this task is; else null.
  virtual CleanUpOrder* clean_up_order() const noexcept { return nullptr; }

 protected:
  TaskOwner() noexcept = default;
  TaskOwner(const TaskOwner&) noexcept = default;
  TaskOwner& operator=(const TaskOwner&) noexcept = default;
  ~TaskOwner() = default;
};

/// Is told when a child that was awaited with `ok` has ended, if that child has waited.
class EndHook {
 public:
  /// Returns null if the awaiting coroutine goes on. Else `child` has an error, which is now the
  /// result of the awaiting coroutine too; returns that coroutine.
  virtual PromiseBase* child_ended(PromiseBase& child) noexcept = 0;

 protected:
  ~EndHook() = default;
};

}  // namespace eddy::detail
