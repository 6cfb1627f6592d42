// The part of a coroutine that does not depend on its type: what the run loop schedules.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace eddy::detail {

class PromiseBase;
struct WakerCell;

/// Gets the outcome of a task: a join handle, a branch or a group. A detached task has none.
class EDDY_EXPORT TaskOwner {
 public:
  /// The task has ended. `ended` holds its value or exception, which the owner may take; null means
  /// that the task was cancelled. The frame is destroyed right after this call. The loop makes this
  /// call, never code of the task. It may wake tasks, but must not run or destroy one.
  virtual void on_end(PromiseBase* ended) noexcept = 0;
  /// The task whose branch this is; null if it is no branch.
  virtual const Waiter* branch_of() const noexcept { return nullptr; }

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

/// How many children a task that is new, or has just yielded, may await before the clock is read.
inline constexpr std::uint8_t kChildren = 8;

/// How far a coroutine has come.
enum class Progress : std::uint8_t {
  unfinished,     ///< it has no result yet
  finished,       ///< it has its result, or its exception
  not_started,    ///< a child that is put off: its task goes to the end of the ready queue first
  without_value,  ///< a child that ended in its first run without `co_return` of a value
};

/// The head of every coroutine's promise.
///
/// The header of an outermost coroutine is a task, the unit of scheduling. A task is a chain of
/// coroutines, each awaited by the one before it; only the innermost can run. Every spawned task is
/// one, and every branch of a `when_any`, `when_all`, `timeout` or group. Every other coroutine is
/// a child. Its header says which task it is part of, and which coroutine goes on when it ends.
///
/// A program may have a million headers, so the order of the members leaves no holes.
struct TaskHeader : Waiter {
  TaskHeader() noexcept : Waiter(Unused()) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)

  // Of every coroutine.
  bool outermost : 1 = false;
  bool threw : 1 = false;       ///< its result is an exception
  bool left_child : 1 = false;  ///< an error of `ok` ended it, and the frame of `child` still lives

  // Of a task.
  bool cancel_requested : 1 = false;
  bool shielded : 1 = false;  ///< outlives the end of `block_on`
  bool branch : 1 = false;    ///< an operation of another task owns it
  bool has_cell : 1 = false;  ///< `cell` is valid, instead of `owner`
  bool abandons : 1 = false;  ///< it waits, or has waited, on an operation with that trait

  // Of every coroutine.
  Progress progress = Progress::unfinished;

  // Of a task.
  std::uint8_t budget = 0;    ///< how many more operations may succeed at once
  std::uint8_t children = 0;  ///< how many more children it may await before the clock is read
  bool of_shielded = false;   ///< a shielded task has spawned it, directly or through others
  std::uint8_t filler = 0;    ///< lets one store initialise all members from `state` on

  /// Of a task: its innermost coroutine. Of a child that has waited: the coroutine that awaits it.
  std::coroutine_handle<> resume_point;
  union {
    Operation* operation;     ///< what the task waits on; null while it runs
    EndHook* hook = nullptr;  ///< of a child; may be null
  };
  union {
    TaskOwner* owner;       ///< see `owner_of`
    WakerCell* cell;        ///< of a task that `has_cell`: the cell then holds the owner
    TaskHeader* member_of;  ///< of a child: its task
  };
  union {
    std::source_location spawned_at;  ///< of a task
    void** awaiter;  ///< of a child that has waited: where its awaiter keeps the child's frame
  };
  union {
    Instant since;       ///< of a task: the time of the turn in which it last suspended
    PromiseBase* child;  ///< if `left_child`
  };

  /// The task that `waiter` is. All that a worker wakes and runs are tasks.
  static TaskHeader& of(Waiter& waiter) noexcept {
    auto& task = static_cast<TaskHeader&>(waiter);
    EDDY_ASSERT(task.outermost);
    return task;
  }
  static TaskHeader& of(ListNode& node) noexcept { return of(static_cast<Waiter&>(node)); }
  static const TaskHeader& of(const Waiter& waiter) noexcept {
    return of(const_cast<Waiter&>(waiter));
  }

  TaskHeader& task() noexcept { return outermost ? *this : *member_of; }
  PromiseBase& promise() noexcept;
};

}  // namespace eddy::detail
