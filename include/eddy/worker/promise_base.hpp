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
    if constexpr (kIsGcc) newest_frame = {block, size};
    return block;
  }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  /// Stops the program if g++ has not laid out the frame as resuming it takes for granted: the
  /// promise follows two pointers at the start of the block that `operator new` gave. Where that is
  /// inlined the compiler knows the answer, and the check is gone.
  void check_frame() const noexcept {
    if constexpr (kIsGcc) {
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

  /// Makes this coroutine the outermost of a task of its own.
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

  /// The coroutine has its result, or its exception: whoever awaits it goes on. A child that ends
  /// in its first run, before it ever waited, returns into its parent's `await_ready`, which looks
  /// at `progress`; so the stack is as deep as coroutines nest, in every build mode.
  void end() noexcept {
    progress = Progress::finished;
    if (outermost || !resume_point) return;
    if (hook != nullptr) {
      end_with_hook();
    } else {
      member_of->resume_point = resume_point;
    }
  }
  /// A coroutine that owes a value has run to its end without `co_return`. Stops the program, now
  /// or, in its first run, when the coroutine that awaits it is known.
  EDDY_EXPORT void end_without_value() noexcept;

  /// An error of `ok` ends this coroutine. `ended`, the child that gave the error, stays alive
  /// until the frame of this one is destroyed.
  void leave(PromiseBase& ended) noexcept {
    child = &ended;
    left_child = true;
  }
  /// Destroys the frame, and before it those of the children inside it, innermost first; not by
  /// recursion, so that their number is no matter. `innermost` is this, or one of the children.
  void destroy_from(PromiseBase& innermost) noexcept {
    if (&innermost != this) [[unlikely]] {
      destroy_children(innermost);
    }
    frame().destroy();
  }
  /// The same for a coroutine that has ended.
  void destroy_ended() noexcept {
    if (left_child) [[unlikely]] {
      destroy_children(innermost_left());
    }
    frame().destroy();
  }

  union {
    const void* awaiting;          ///< the place of the last `co_await`, if there was one
    std::exception_ptr exception;  ///< alive if `threw`
  };

  /// Of a task that nobody awaited, where debug builds note the place of its coroutine: somebody
  /// has taken it over, so its end is no mistake.
  void note_given() noexcept {
    if constexpr (kDebugChecks) awaiting = nullptr;
  }

  EDDY_EXPORT [[noreturn]] static void stop_without_value() noexcept;

 protected:
  /// Stops the program if the exception that is being handled came out of a destructor, as the
  /// frame was destroyed.
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

/// A task that has used its budget up runs again after all that can run now, and goes on with
/// `operation`.
EDDY_EXPORT void yield_over_budget(TaskHeader& task, Operation& operation,
                                   std::coroutine_handle<> frame) noexcept;

/// The operation of a task that only gives up its turn: complete from the start.
EDDY_EXPORT Operation& the_turn() noexcept;

/// The task has awaited children for as long as one may without a look at the clock. True: `child`
/// is to be put off, because other tasks, timers and sockets must be looked at first.
EDDY_EXPORT bool puts_off(PromiseBase& child) noexcept;
/// The rest of the suspension of who awaits `child`, which is not suspended itself: it was put off,
/// or has ended without a value.
EDDY_EXPORT void suspend_before(PromiseBase& child) noexcept;

}  // namespace eddy::detail
