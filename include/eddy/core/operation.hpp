// What a task waits for.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/waiter.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/raw_source.hpp"

#include <concepts>
#include <type_traits>

namespace eddy::detail {

/// What a task waits for, in the words of a task dump.
struct Waiting {
  const char* what = "";
  RawSource source = kNoSource;
};

/// What the library must know of an operation's type. An operation states what is true of it:
///
///     static constexpr OperationTraits kTraits{.refers_to_others = true};
///
/// An operation around another one, such as a timed one, has the traits of that one.
struct OperationTraits {
  /// It refers to what others may use or destroy while the task waits for its turn: a source, a
  /// handle, a group, an interval. If the task has used up its budget, it yields before such an
  /// operation is tried. After the try it could not yield: what was found may have changed, and a
  /// connection or bytes that were taken would be lost if the task were cancelled meanwhile. The
  /// operation begins to wait before the task yields, so it learns if what it refers to goes. Any
  /// other operation is tried first.
  bool refers_to_others = false;
  /// If it is cancelled, data that it has already moved is lost. `when_any` refuses it.
  bool loses_progress = false;
  /// Any wake completes it. So a timer beside it is looked at first.
  bool completes_on_any_wake = false;
  /// It is ended by a waker of the very task that awaits it. So it cannot be a branch.
  bool waits_for_own_waker = false;
  /// It must be told when its wait ends before its time: it has `abandon`, or owns tasks. If it
  /// waits on a source, it does so from `begin_wait` on.
  bool abandons = false;
};

/// What a task waits for when it runs no code of its own: the innermost part of a `co_await`.
///
/// | member           | called by                      | does                                     |
/// |------------------|--------------------------------|------------------------------------------|
/// | `try_start`      | `co_await`, first              | tries at once; true: complete            |
/// | `begin_wait`     | `co_await`, if not complete    | arranges a wake; false: complete, failed |
/// | `advance`        | the loop, after each wake      | tries again; true: complete              |
/// | `take`           | `co_await`, once it completed  | gives the result; it alone may throw     |
/// | `describe`       | a task dump                    | says what the task waits for             |
/// | `abandon`        | what ends the wait too early   | if `kTraits.abandons`: see below         |
/// | `give_up_branch` | the worker, before `abandon`   | if it owns tasks: see below              |
///
/// `try_start`, `begin_wait` and `take` are not virtual: `co_await` knows the type. The loop, never
/// the reactor, calls `advance`. So a system call is made when the task resumes, not when it is
/// woken, and a branch that is woken and cancelled in the same turn loses nothing.
class EDDY_EXPORT Operation {
 public:
  static constexpr OperationTraits kTraits{};

  /// Tries again after a wake. True: complete, the coroutine goes on. False: it waits on.
  virtual bool advance(Waiter& waiter) noexcept = 0;

  virtual Waiting describe() const noexcept = 0;

  /// The wait ends before its time. When this returns, the kernel and other threads are done with
  /// the operation, and the tasks that it owns are gone. Nothing to do for readiness.
  ///
  /// It is called exactly once: when a time limit expires, before the frame that holds the waiting
  /// operation is destroyed (an abort, the end of a branch, of a group, of `block_on`, of a
  /// worker), and when the source that the task waits on is closed, given up or lost. After the
  /// last of these `advance` is called once more, and completes with operation_canceled; and the
  /// reactor is borrowed meanwhile. It is not called for an operation that is complete.
  virtual void abandon() noexcept {}

  /// Gives up one of the tasks that this operation owns, for the caller to destroy before it calls
  /// `abandon`; null if none is left. So branches within branches are destroyed in a loop, however
  /// deep they are.
  virtual Waiter* give_up_branch() noexcept { return nullptr; }

 protected:
  Operation() noexcept = default;
  Operation(const Operation&) noexcept = default;
  Operation(Operation&&) noexcept = default;
  Operation& operator=(const Operation&) noexcept = default;
  Operation& operator=(Operation&&) noexcept = default;
  ~Operation() = default;
};

/// The operation protocol: what `co_await` asks of an operation's type.
template <class T>
concept IsOperation = std::is_base_of_v<Operation, T> && requires(T& op, Waiter& waiter) {
  { op.try_start() } -> std::same_as<bool>;
  { op.begin_wait(waiter) } -> std::same_as<bool>;
  op.take();
  { T::kTraits } -> std::same_as<const OperationTraits&>;
};

/// The traits of whatever can be awaited; of what is no operation, none.
template <class A>
inline constexpr OperationTraits kTraitsOf{};
template <IsOperation A>
inline constexpr OperationTraits kTraitsOf<A> = A::kTraits;

/// Abandons the operation on which `waiter` waits, if that must be abandoned. The worker floor
/// defines it: it knows where a task keeps its operation.
void abandon_wait(Waiter& waiter) noexcept;

}  // namespace eddy::detail
