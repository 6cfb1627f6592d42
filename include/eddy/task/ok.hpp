// The `?` of tasks that return `Result`.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/fatal.hpp"
#include "eddy/task/awaitable.hpp"
#include "eddy/task/task.hpp"

#include <exception>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

template <class A>
class [[nodiscard("ok(...) is to be awaited: co_await ok(operation)")]] Ok {
 public:
  using awaited_type = A;

  explicit Ok(A&& source) noexcept(std::is_nothrow_constructible_v<A, A&&>)
      : awaited(std::forward<A>(source)) {}

  A awaited;  ///< an operation or a task; or a reference to what has one
};

template <class P>
inline constexpr bool returns_result = false;
template <class T>
inline constexpr bool returns_result<PromiseOf<T>> = is_result<T>;

/// Makes `error` the result of `promise`. Never called for a task that returns no `Result`: there
/// `ok` throws.
template <class P>
void set_error(P& promise, std::error_code error) noexcept {
  if constexpr (returns_result<P>) {
    promise.stored.set(std::unexpected(error));
  } else {
    fatal("an error was to be returned from a task that returns no Result");
  }
}

/// Ends the coroutine of `promise` with `error`, as a `return` would, but does not resume it. The
/// awaiting coroutine destroys its locals before it uses the result.
template <class P>
void return_error(P& promise, std::error_code error) noexcept {
  set_error(promise, error);
  promise.end();
}

/// The value of a `Result`, or void.
template <class R>
typename R::value_type unwrap(R result) {
  if (!result) throw std::system_error(result.error());
  if constexpr (!std::is_void_v<typename R::value_type>) return *std::move(result);
}

/// The operation in the argument of `ok`: the argument itself, or the one that it gives.
template <class A>
decltype(auto) operation_of(A& awaited) noexcept {
  if constexpr (IsOperation<A>) {
    return (awaited);
  } else {
    return awaited.as_operation();
  }
}

/// Awaits an operation, and goes on only with its value.
template <class P, class A>
class [[nodiscard]] OkAwaiter final : public Operation {
  using OperationRef = decltype(operation_of(std::declval<std::remove_reference_t<A>&>()));

 public:
  using ResultType = AwaitResultOf<A>;

  explicit OkAwaiter(Ok<A>& ok) noexcept : operation_(operation_of(ok.awaited)) {}

  bool await_ready() const noexcept { return false; }
  template <class Promise>
  bool await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    if (start_operation(frame.promise().task(), operation_, *this, frame)) return true;
    if (fetch()) return false;
    return_error<P>(frame.promise(), result_->error());
    return true;
  }
  typename ResultType::value_type await_resume() {
    if constexpr (kMayThrow) {
      if (thrown_) std::rethrow_exception(std::move(thrown_));
    }
    return unwrap(*std::move(result_));
  }

  // The leaf's functions that `start_operation` calls.
  Operation& waiting() noexcept { return *this; }
  Operation& complete() noexcept {
    complete_ = true;
    return *this;
  }

  void abandon() noexcept override {
    if (!complete_) operation_.abandon();
  }
  Waiter* give_up_branch() noexcept override {
    return complete_ ? nullptr : operation_.give_up_branch();
  }
  bool advance(Waiter& waiter) noexcept override {
    return (complete_ || operation_.advance(waiter)) && finish(PromiseBase::of(waiter));
  }
  Waiting describe() const noexcept override {
    // The source of a complete operation may be gone.
    return complete_ ? the_turn().describe() : operation_.describe();
  }

 private:
  static constexpr bool kMayThrow = !noexcept(std::declval<OperationRef&>().take());
  struct Nothing {};

  bool finish(PromiseBase& task) noexcept {
    if (!fetch()) {
      return_error(static_cast<P&>(PromiseBase::of(task.innermost())), result_->error());
    }
    return true;
  }
  /// True if the coroutine goes on.
  bool fetch() noexcept {
    if constexpr (kMayThrow) {
      try {
        result_.emplace(operation_.take());
      } catch (...) {
        thrown_ = std::current_exception();
        return true;
      }
    } else {
      result_.emplace(operation_.take());
    }
    return result_->has_value() || !returns_result<P>;
  }

  OperationRef operation_;
  std::optional<ResultType> result_;
  [[no_unique_address]] std::conditional_t<kMayThrow, std::exception_ptr, Nothing> thrown_;
  bool complete_ = false;
};

/// Runs a child as part of its parent's task. The parent goes on only with the child's value.
template <class P, class T>
class [[nodiscard]] OkAwaiter<P, Task<T>> final : public TaskAwaiter<T>, private EndHook {
 public:
  OkAwaiter(P& promise, Ok<Task<T>>& ok) noexcept
      : TaskAwaiter<T>(promise.task(), std::move(ok.awaited)), promise_(&promise) {}

  bool await_ready() noexcept { return TaskAwaiter<T>::await_ready() && goes_on(child()); }
  void await_suspend(std::coroutine_handle<> parent) noexcept {
    if (child().progress == Progress::finished) {
      child().parent() = parent;
      child().awaiter() = this->place();
      promise_->leave(child());
      return_error(*promise_, child().stored.peek().error());
    } else {
      child().hook() = this;
      TaskAwaiter<T>::await_suspend(parent);
    }
  }
  typename T::value_type await_resume() { return unwrap(this->take()); }

 private:
  using TaskAwaiter<T>::child;

  static bool goes_on(const Promise<T>& child) noexcept {
    return child.threw || !returns_result<P> || child.stored.peek().has_value();
  }
  PromiseBase* child_ended(PromiseBase&) noexcept override {
    if (goes_on(child())) {
      child().member_of()->innermost() = child().parent();
      return nullptr;
    }
    promise_->leave(child());
    set_error(*promise_, child().stored.peek().error());
    return promise_;
  }

  P* promise_;
};

/// Awaits a `Result`, and goes on only with its value. For an lvalue it gives a reference.
template <class P, class A>
  requires is_result<std::remove_cvref_t<A>>
class [[nodiscard]] OkAwaiter<P, A> final {
  using Value = typename std::remove_cvref_t<A>::value_type;

 public:
  explicit OkAwaiter(Ok<A>& ok) noexcept : result_(ok.awaited) {}

  bool await_ready() const noexcept { return !returns_result<P> || result_.has_value(); }
  template <class Promise>
  void await_suspend(std::coroutine_handle<Promise> frame) noexcept {
    return_error<P>(frame.promise(), result_.error());
  }
  std::conditional_t<std::is_lvalue_reference_v<A> && !std::is_void_v<Value>,
                     decltype(*std::declval<A&>()), Value>
  await_resume() {
    if (!result_) throw std::system_error(result_.error());
    if constexpr (!std::is_void_v<Value>) return *std::forward<A>(result_);
  }

 private:
  std::remove_reference_t<A>& result_;
};

}  // namespace detail

/// `co_await ok(operation)` gives the value of a `Result`, or ends this coroutine with its error,
/// as Rust's `?` does. The awaiting task returns a `Result` of any type. In a task that returns no
/// `Result`, `ok` throws std::system_error instead. Takes an operation or a task that gives a
/// `Result`, or a `Result` itself. For a `Result` variable it gives a reference to the value.
///
///     eddy::Task<eddy::Result<>> greet(eddy::SocketAddress server) {
///       eddy::TcpStream stream = co_await eddy::ok(eddy::TcpStream::connect(server));
///       co_await eddy::ok(stream.set_nodelay(true));
///       co_await eddy::ok(stream.write_all("hello"));
///       co_return {};
///     }
template <class A>
auto ok(A&& awaited) noexcept(std::is_nothrow_constructible_v<A, A&&>) {
  using Plain = std::remove_cvref_t<A>;
  static_assert(!(std::is_lvalue_reference_v<A> && detail::IsOperation<Plain>),
                "an operation is awaited once: make it here");
  static_assert(detail::is_awaitable<A> || detail::is_result<Plain>,
                "ok takes an eddy::Result, or a task or operation that gives one");
  if constexpr (detail::is_result<Plain>) {
    return detail::Ok<A>(std::forward<A>(awaited));
  } else if constexpr (detail::is_awaitable<A>) {
    detail::refuse_temporary<A>();
    constexpr bool kGivesResult = detail::is_result<detail::AwaitResultOf<A>>;
    static_assert(
        kGivesResult,
        "ok(...) is for what gives an eddy::Result; this gives none: co_await it without ok");
    if constexpr (kGivesResult) return detail::Ok<A>(std::forward<A>(awaited));
  }
}

}  // namespace eddy
