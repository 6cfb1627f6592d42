// The part of a coroutine that does not depend on its type: what the run loop schedules.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/export.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace eddy::detail {

class PromiseBase;
struct WakerCell;

/// Who gets the outcome of a task: a join handle, a `when_any`, a group. Null for a detached task.
class EDDY_EXPORT TaskOwner {
 public:
  /// The task has ended. `ended` holds its value or exception, for the owner to take; null: the
  /// task was cancelled. Its frame is destroyed right after, before anything else runs. Called from
  /// the loop, never from inside the task; may wake, must not run or destroy a task.
  virtual void on_end(PromiseBase* ended) noexcept = 0;
  /// Of which task this is a branch; null if of none, or if that is not known yet.
  virtual const Waiter* branch_of() const noexcept { return nullptr; }

 protected:
  TaskOwner() noexcept = default;
  TaskOwner(const TaskOwner&) noexcept = default;
  TaskOwner& operator=(const TaskOwner&) noexcept = default;
  ~TaskOwner() = default;
};

/// Told when a coroutine that was awaited with `ok` has ended after a wait.
class EndHook {
 public:
  /// Null: the awaiting coroutine goes on. Else `child` has an error, which is now the result of
  /// the awaiting coroutine too; that is returned.
  virtual PromiseBase* child_ended(PromiseBase& child) noexcept = 0;

 protected:
  ~EndHook() = default;
};

/// Children that a new task may await before the clock is read; and one that has just yielded.
inline constexpr std::uint8_t kChildren = 8;

/// How far a coroutine has come.
enum class Progress : std::uint8_t {
  unfinished,     ///< it has no result yet
  finished,       ///< it has its result, or its exception
  not_started,    ///< a child that is put off until its task has been to the end of the queue
  without_value,  ///< a child that ended in its first run without the `co_return` of a value
};

/// The head of every coroutine's promise.
///
/// That of an outermost coroutine is a task, a unit of scheduling: a chain of coroutines, each
/// awaited by the one before it, of which only the innermost can run. Every spawned task is one,
/// and every branch of a `when_any`, `when_all`, `timeout` or group. The head of another coroutine,
/// a child, says which task it is part of, and what goes on when it ends.
///
/// A program may have a million of them: the order of the members leaves no holes.
struct TaskHeader : Waiter {
  TaskHeader() noexcept : Waiter(Unused()) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)

  // Of every coroutine.
  bool outermost : 1 = false;
  bool threw : 1 = false;       ///< its result is an exception
  bool left_child : 1 = false;  ///< an error of `ok` ended it; `child` is a frame that lives still

  // Of a task.
  bool cancel_requested : 1 = false;
  bool shielded : 1 = false;      ///< outlives the end of `block_on`
  bool branch : 1 = false;        ///< owned by an operation of another task
  bool has_cell : 1 = false;      ///< since its first `Waker`
  bool has_branches : 1 = false;  ///< what it waits on, or did once, owns tasks

  // Of every coroutine.
  Progress progress = Progress::unfinished;

  // Of a task.
  std::uint8_t budget = 0;    ///< operations that may still succeed at once
  std::uint8_t children = 0;  ///< children that it may await before the clock is read
  bool of_shielded = false;   ///< spawned by a shielded task, or by one of which this is true
  std::uint8_t filler = 0;    ///< for one store to initialise all from `state` on

  /// Of a task: its innermost coroutine. Of a child: the one that awaits it, once this has waited.
  std::coroutine_handle<> resume_point;
  union {
    Operation* operation;     ///< what the task waits on; null while it runs
    EndHook* hook = nullptr;  ///< of a child, if there is one
  };
  union {
    TaskOwner* owner;       ///< see `owner_of`
    WakerCell* cell;        ///< keeps the owner as well
    TaskHeader* member_of;  ///< of a child: its task
  };
  union {
    std::source_location spawned_at;  ///< of a task
    void** awaiter;  ///< of a child that was suspended: where its awaiter keeps its frame
  };
  union {
    Instant since;       ///< of a task: when it last suspended, to the turn of the loop
    PromiseBase* child;  ///< if `left_child`
  };

  TaskHeader& task() noexcept { return outermost ? *this : *member_of; }
  PromiseBase& promise() noexcept;
};

}  // namespace eddy::detail
