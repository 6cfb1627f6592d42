// The part of every coroutine's promise that does not depend on its type.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/clock.hpp"
#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/frame_pool.hpp"
#include "eddy/worker/task_owner.hpp"

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <source_location>

namespace eddy::detail {

/// How many children a task that is new, or has just yielded, may await before the clock is read.
inline constexpr std::uint8_t kChildren = 8;

/// How far a coroutine has come.
enum class Progress : std::uint8_t {
  unfinished,     ///< it has no result yet
  finished,       ///< it has its result, or its exception
  not_started,    ///< a child that is put off: its task goes to the end of the ready queue first
  without_value,  ///< a child that ended in its first run without `co_return` of a value
};

struct WakerCell;

/// The part of every coroutine's promise that does not depend on its type. Every promise begins
/// with it.
///
/// That of an outermost coroutine is a task, the unit of scheduling. A task is a chain of
/// coroutines, each awaited by the one before it; only the innermost can run. Every spawned task is
/// one, and every branch of a `when_any`, `when_all`, `timeout` or group. Every other coroutine is
/// a child. It knows which task it is part of, and which coroutine goes on when it ends.
///
/// A program may have a million, so the order of the members leaves no holes, and a task and a
/// child use the same memory for different things. `outermost` tells which of the two it is; the
/// functions for such memory assert it.
class PromiseBase : public Waiter {
 public:
  PromiseBase() noexcept : Waiter(Unused()) {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;

  static PromiseBase& of(std::coroutine_handle<> frame) noexcept {
    // Every promise of eddy starts with this class, and none is aligned more strictly.
    return std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
  }
  /// The task that `waiter` is. All that a worker wakes and runs are tasks.
  static PromiseBase& of(Waiter& waiter) noexcept {
    auto& task = static_cast<PromiseBase&>(waiter);
    EDDY_ASSERT(task.outermost);
    return task;
  }
  static PromiseBase& of(ListNode& node) noexcept { return of(static_cast<Waiter&>(node)); }
  static const PromiseBase& of(const Waiter& waiter) noexcept {
    return of(const_cast<Waiter&>(waiter));
  }

  /// The task that this coroutine is part of.
  PromiseBase& task() noexcept { return outermost ? *this : *member_of_; }

  // Of a task.
  /// What it waits on; null while it runs.
  Operation*& operation() noexcept { return of_task(operation_); }
  /// Its innermost coroutine, which is resumed next.
  std::coroutine_handle<>& innermost() noexcept { return of_task(resume_point_); }
  /// Who is told that it has ended; may be null. See `owner_of`: not if it `has_cell`.
  TaskOwner*& own_owner() noexcept { return of_task(owner_); }
  TaskOwner* own_owner() const noexcept { return of_task(owner_); }
  /// If it `has_cell`; the cell then holds the owner.
  WakerCell*& cell() noexcept { return of_task(cell_); }
  WakerCell* cell() const noexcept { return of_task(cell_); }
  /// Line 0 for a branch.
  const std::source_location& spawned_at() const noexcept { return of_task(spawned_at_); }
  /// The time of the turn in which it last suspended.
  Instant& since() noexcept { return of_task(since_); }

  // Of a child.
  /// The coroutine that awaits it; null until it has waited.
  std::coroutine_handle<>& parent() noexcept { return of_child(resume_point_); }
  /// Is told that it has ended; may be null.
  EndHook*& hook() noexcept { return of_child(hook_); }
  /// Its task.
  PromiseBase*& member_of() noexcept { return of_child(member_of_); }
  /// Where its awaiter keeps its frame, if it has waited.
  void**& awaiter() noexcept { return of_child(awaiter_); }

  std::coroutine_handle<> frame() noexcept {
    return std::coroutine_handle<PromiseBase>::from_promise(*this);
  }

  static void* operator new(std::size_t size) {
    void* const block = allocate_frame(size);
    if constexpr (kMisplacesFrames) newest_frame = {block, size};
    return block;
  }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  /// Stops the program if g++ 12 has misplaced the frame. The promise must follow two pointers at
  /// the start of the block that `operator new` gave: resuming relies on it. If `operator new` is
  /// inlined, the compiler knows the answer and removes the check.
  void check_frame() const noexcept {
    if constexpr (kMisplacesFrames) {
      const char* const begin = reinterpret_cast<const char*>(this) - 2 * sizeof(void*);
      if (begin != newest_frame.block) check_misplaced();
    }
  }

  std::suspend_always initial_suspend() const noexcept { return {}; }

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> frame) const noexcept {
      P& promise = frame.promise();
      if (!promise.stored.has_value() && !promise.threw) [[unlikely]] {
        promise.end_without_value();
      } else {
        promise.end();
      }
    }
    void await_resume() const noexcept {}
  };
  FinalAwaiter final_suspend() const noexcept { return {}; }

  void unhandled_exception() noexcept {
    stop_if_destroyed();
    std::construct_at(&exception, std::current_exception());
    threw = true;
  }

  /// Makes this coroutine the outermost coroutine of a new task.
  PromiseBase& make_root(std::source_location where) noexcept {
    make_idle();
    outermost = true;
    children = kChildren;
    resume_point_ = frame();
    operation_ = nullptr;
    owner_ = nullptr;
    spawned_at_ = where;
    awaiting = nullptr;
    return *this;
  }

  /// The coroutine has its result or exception, so its awaiting coroutine goes on. A child that
  /// ends in its first run, without a wait, returns into its parent's `await_ready`, which looks at
  /// `progress`. So the stack is only as deep as coroutines nest, in every build mode.
  void end() noexcept {
    progress = Progress::finished;
    if (outermost || !parent()) return;
    if (hook() != nullptr) {
      end_with_hook();
    } else {
      member_of()->innermost() = parent();
    }
  }
  /// A coroutine that must give a value has ended without `co_return`. Stops the program: at once,
  /// or in the coroutine's first run when the awaiting coroutine is known.
  EDDY_EXPORT void end_without_value() noexcept;

  /// An error of `ok` ends this coroutine. The frame of `ended`, the child that gave the error,
  /// lives until the frame of this coroutine is destroyed.
  void leave(PromiseBase& ended) noexcept {
    left_child_ = &ended;
    left_child = true;
  }
  /// Destroys the frames of the children, innermost first, then this frame. It is a loop, not a
  /// recursion, so any number of frames is allowed. `innermost` is this, or one of the children.
  void destroy_from(PromiseBase& innermost) noexcept {
    if (&innermost != this) [[unlikely]] {
      destroy_children(innermost);
    }
    frame().destroy();
  }
  /// As `destroy_from`, for a coroutine that has ended.
  void destroy_ended() noexcept {
    if (left_child) [[unlikely]] {
      destroy_children(innermost_left());
    }
    frame().destroy();
  }

  bool outermost : 1 = false;   ///< it is a task
  bool threw : 1 = false;       ///< its result is an exception
  bool left_child : 1 = false;  ///< an error of `ok` ended it, and the frame of a child still lives

  // Of a task.
  bool cancel_requested : 1 = false;
  bool shielded : 1 = false;  ///< outlives the end of `block_on`
  bool branch : 1 = false;    ///< an operation of another task owns it
  bool has_cell : 1 = false;  ///< `cell` is valid, instead of `own_owner`
  bool abandons : 1 = false;  ///< it waits, or has waited, on an operation with that trait

  // Of every coroutine.
  Progress progress = Progress::unfinished;

  // Of a task.
  std::uint8_t budget = 0;    ///< how many more operations may succeed at once
  std::uint8_t children = 0;  ///< how many more children it may await before the clock is read
  bool of_shielded = false;   ///< a shielded task has spawned it, directly or through others

 private:
  friend struct DebugLayout;

  template <class T>
  T& of_task(T& member) const noexcept {
    EDDY_ASSERT(outermost);
    return member;  // NOLINT(bugprone-return-const-ref-from-parameter): it is a member
  }
  template <class T>
  T& of_child(T& member) const noexcept {
    EDDY_ASSERT(!outermost);
    return member;
  }

  [[maybe_unused]] std::uint8_t filler_ = 0;  ///< lets one store initialise all members before it
  std::coroutine_handle<> resume_point_;
  union {
    Operation* operation_;     ///< of a task
    EndHook* hook_ = nullptr;  ///< of a child
  };
  union {
    TaskOwner* owner_;        ///< of a task
    WakerCell* cell_;         ///< of a task that `has_cell`
    PromiseBase* member_of_;  ///< of a child
  };
  union {
    std::source_location spawned_at_;  ///< of a task
    void** awaiter_;                   ///< of a child that has waited
  };
  union {
    Instant since_;            ///< of a task that waits
    PromiseBase* left_child_;  ///< if `left_child`
  };

 public:
  union {
    const void* awaiting;          ///< the place of the last `co_await`; null if there was none
    std::exception_ptr exception;  ///< alive if `threw`
  };

  /// Notes that a task that was never awaited has been handed over, so it may be destroyed without
  /// a report. (Until a task is awaited, debug builds keep the place of its coroutine here.)
  void note_given() noexcept {
    if constexpr (kDebugChecks) awaiting = nullptr;
  }

  EDDY_EXPORT [[noreturn]] static void stop_without_value() noexcept;

 protected:
  /// Stops the program if the current exception came out of a destructor while the frame was
  /// destroyed.
  EDDY_EXPORT void stop_if_destroyed() const noexcept;
  EDDY_EXPORT void check_misplaced() const noexcept;
  EDDY_EXPORT void end_with_hook() noexcept;
  EDDY_EXPORT void destroy_children(PromiseBase& innermost) noexcept;
  EDDY_EXPORT PromiseBase& innermost_left() noexcept;
  ~PromiseBase() {
    if (threw) std::destroy_at(&exception);
  }
};

/// Puts a task that has used its budget up last on the ready queue. It goes on with `operation`.
EDDY_EXPORT void yield_over_budget(PromiseBase& task, Operation& operation,
                                   std::coroutine_handle<> frame) noexcept;

/// The running task waits on a source, by an operation with the trait `abandons`.
EDDY_EXPORT void note_source_of_abandons() noexcept;

/// The operation of a task that only waits for its turn. It is complete from the start.
EDDY_EXPORT Operation& the_turn() noexcept;

/// Called when a task has awaited as many children as it may. True: `child` is put off, because
/// other tasks, timers and sockets come first.
EDDY_EXPORT bool puts_off(PromiseBase& child) noexcept;
/// Suspends the coroutine that awaits `child`, where `child` was put off, or has ended without a
/// value.
EDDY_EXPORT void suspend_before(PromiseBase& child) noexcept;

}  // namespace eddy::detail
