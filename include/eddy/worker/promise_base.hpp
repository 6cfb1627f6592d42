// The part of every coroutine's promise that does not depend on its type.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/frame_pool.hpp"
#include "eddy/worker/task_header.hpp"

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <source_location>

namespace eddy::detail {

class PromiseBase : public TaskHeader {
 public:
  PromiseBase() noexcept {}
  PromiseBase(const PromiseBase&) = delete;
  PromiseBase& operator=(const PromiseBase&) = delete;

  static PromiseBase& of(std::coroutine_handle<> frame) noexcept {
    // Every promise of eddy starts with this class, and none is aligned more strictly.
    return std::coroutine_handle<PromiseBase>::from_address(frame.address()).promise();
  }
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
  TaskHeader& make_root(std::source_location where) noexcept {
    make_idle();
    outermost = true;
    children = kChildren;
    resume_point = frame();
    operation = nullptr;
    owner = nullptr;
    spawned_at = where;
    awaiting = nullptr;
    return *this;
  }

  /// The coroutine has its result or exception, so its awaiting coroutine goes on. A child that
  /// ends in its first run, without a wait, returns into its parent's `await_ready`, which looks at
  /// `progress`. So the stack is only as deep as coroutines nest, in every build mode.
  void end() noexcept {
    progress = Progress::finished;
    if (outermost || !resume_point) return;
    if (hook != nullptr) {
      end_with_hook();
    } else {
      member_of->resume_point = resume_point;
    }
  }
  /// A coroutine that must give a value has ended without `co_return`. Stops the program: at once,
  /// or in the coroutine's first run when the awaiting coroutine is known.
  EDDY_EXPORT void end_without_value() noexcept;

  /// An error of `ok` ends this coroutine. The frame of `ended`, the child that gave the error,
  /// lives until the frame of this coroutine is destroyed.
  void leave(PromiseBase& ended) noexcept {
    child = &ended;
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

inline PromiseBase& TaskHeader::promise() noexcept { return static_cast<PromiseBase&>(*this); }

/// Puts a task that has used its budget up last on the ready queue. It goes on with `operation`.
EDDY_EXPORT void yield_over_budget(TaskHeader& task, Operation& operation,
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
