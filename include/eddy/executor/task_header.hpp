// The part of a task that does not depend on its type: what the run loop schedules.
#pragma once

#include "eddy/platform/clock.hpp"
#include "eddy/reactor/operation.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace eddy::detail {

class PromiseBase;
struct WakerCell;

/// Who gets the outcome of a task: a join handle, a `select`, a group. Null for a detached task.
class TaskOwner {
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

/// The link of a task in its executor's list of live tasks.
struct LiveLink : ListNode {};

/// A unit of scheduling: a chain of coroutines, each awaited by the one before it, of which only
/// the innermost can run. Lives in the promise of the outermost. Every spawned task is one, and
/// every branch of a `select`, `when_all`, `timeout` or group.
///
/// Every frame has room for one, and a program may have a million of them: the order of the members
/// leaves no holes.
struct TaskHeader : LiveLink, Waiter {
  bool not_begun : 1 = false;  ///< yields before `operation` is even tried: `begin` is set
  bool cancel_requested : 1 = false;
  bool shielded : 1 = false;             ///< outlives the end of `block_on`
  bool branch : 1 = false;               ///< owned by an operation of another task
  bool has_cell : 1 = false;             ///< since its first `Waker`
  std::uint8_t budget = 0;               ///< operations that may still succeed at once
  std::coroutine_handle<> resume_point;  ///< the innermost coroutine
  Operation* operation = nullptr;        ///< what it waits on; null while it runs
  union {
    TaskOwner* owner = nullptr;  ///< see `owner_of`
    WakerCell* cell;             ///< keeps the owner as well
  };
  std::source_location spawned_at;
  union {
    Instant since{};                      ///< when it last suspended, to the turn of the loop
    bool (*begin)(TaskHeader&) noexcept;  ///< tries `operation`, and says whether it is complete
  };

  PromiseBase& promise() noexcept { return *reinterpret_cast<PromiseBase*>(this); }
};

}  // namespace eddy::detail
