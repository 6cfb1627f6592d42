// A coroutine that runs when it is awaited or spawned.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/fatal.hpp"
#include "eddy/task/promise.hpp"
#include "eddy/worker/lost_exception.hpp"

#include <coroutine>
#include <utility>

namespace eddy {

/// A lazy coroutine that gives a `T`: a value (which may be move-only), a reference, or nothing. A
/// join, `timeout`, `when_any` and `when_all` keep a reference as a `std::reference_wrapper`, in
/// their `Result`, variant, tuple or vector.
///
/// A `Task` does nothing until it is awaited, given to `block_on`, or started by `spawn`.
/// `co_await child()` is like a function call: the child runs at once, as part of the same task,
/// and its exception comes out of the `co_await`. But a task that has run for long lets others run
/// before it starts another child. Destroying a task that was never awaited destroys its arguments
/// and runs nothing; debug builds report it on standard error, with the coroutine's name and place.
///
///     eddy::Task<int> twice(int n) { co_return 2 * n; }
///     eddy::Task<> print() { std::printf("%d\n", co_await twice(21)); }
template <class T = void>
class [[nodiscard("a task does nothing until it is awaited, spawned or given to block_on")]] Task {
 public:
  using value_type = T;
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    Task taken(std::move(other));
    std::swap(frame_, taken.frame_);
    return *this;
  }
  ~Task() {
    if (!frame_) return;
    if constexpr (detail::kDebugChecks) {
      detail::report_never_awaited(frame_.promise().awaiting);
      const detail::QuietDestruction quiet;
      frame_.destroy();
    } else {
      frame_.destroy();
    }
  }

 private:
  friend promise_type;
  template <class U>
  friend void detail_give(Task<U>& task) noexcept;
  template <class U>
  friend std::coroutine_handle<detail::Promise<U>> detail_release(Task<U>& task) noexcept;

  explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

/// For the library: takes the frame out of a task that was not awaited yet.
template <class T>
std::coroutine_handle<detail::Promise<T>> detail_release(Task<T>& task) noexcept {
  if (!task.frame_) detail::fatal("a task was awaited or spawned after it was moved from");
  return std::exchange(task.frame_, nullptr);
}

/// For the library: `task` was handed over, and may be destroyed without a report.
template <class T>
void detail_give(Task<T>& task) noexcept {
  if (task.frame_) task.frame_.promise().note_given();
}

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object(const void* place) noexcept {
  if constexpr (kDebugChecks) this->awaiting = place;
  static_assert(alignof(Promise) <= alignof(std::max_align_t),
                "a task cannot give a value that is aligned more strictly than max_align_t");
  this->check_frame();
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}

inline Task<void> Promise<void>::get_return_object(const void* place) noexcept {
  if constexpr (kDebugChecks) awaiting = place;
  check_frame();
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

/// Runs a child as part of its parent's task, and gives the parent the child's result.
template <class T>
class [[nodiscard]] TaskAwaiter {
 public:
  TaskAwaiter(PromiseBase& task, Task<T>&& awaited) noexcept
      : frame_(detail_release(awaited).address()) {
    child().member_of() = &task;
  }
  TaskAwaiter(TaskAwaiter&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  TaskAwaiter& operator=(TaskAwaiter&&) = delete;
  ~TaskAwaiter() {
    if (frame_ != nullptr) destroy_child();
  }

  bool await_ready() noexcept {
    if (--child().member_of()->children == 0 && puts_off(child())) [[unlikely]] {
      return false;
    }
    handle().resume();
    return child().progress == Progress::finished;
  }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    child().parent() = parent;
    child().awaiter() = &frame_;
    if (child().progress != Progress::unfinished) [[unlikely]] {
      suspend_before(child());
    }
  }
  /// The child's frame, with its arguments, is destroyed before the parent uses the result.
  T await_resume() { return take(); }
  [[nodiscard("it may be an error: look at it, or write (void)co_await")]] T await_resume()
    requires may_be_error<T>
  {
    return take();
  }

 protected:
  T take() {
    const AtEnd at_end(*this);
    return child().take();
  }
  Promise<T>& child() const noexcept { return handle().promise(); }
  /// Where the frame is kept.
  void** place() noexcept { return &frame_; }

 private:
  class AtEnd {
   public:
    explicit AtEnd(TaskAwaiter& awaiter) noexcept : awaiter_(awaiter) {}
    AtEnd(const AtEnd&) = delete;
    AtEnd& operator=(const AtEnd&) = delete;
    ~AtEnd() { awaiter_.destroy_child(); }

   private:
    TaskAwaiter& awaiter_;
  };

  void destroy_child() noexcept {
    // Only an error of `ok` leaves children in a frame, and only a `Result` can hold such an error.
    if constexpr (is_result<T>) {
      child().destroy_ended();
    } else {
      handle().destroy();
    }
    frame_ = nullptr;  // last, so that the compiler sees that the destructor has nothing to do
  }
  std::coroutine_handle<Promise<T>> handle() const noexcept {
    return std::coroutine_handle<Promise<T>>::from_address(frame_);
  }

  void* frame_;  ///< null once the frame is destroyed; whoever destroys it clears this first
};

}  // namespace detail
}  // namespace eddy
