// The promise of every coroutine of eddy, and how it awaits.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/compiler.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/task/temporaries.hpp"
#include "eddy/worker/promise_base.hpp"

#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <system_error>
#include <type_traits>
#include <utility>

namespace eddy {

template <class T>
class Task;

namespace detail {

/// Something that gives an operation which refers to it, such as a join handle.
template <class T>
concept HasOperation = requires(T& source) {
  { source.as_operation() };
};

/// Room for the value of a coroutine.
template <class T>
class Stored {
 public:
  template <class U>
  void set(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  bool has_value() const noexcept { return value_.has_value(); }
  T take() { return std::move(*value_); }
  const T& peek() const { return *value_; }

 private:
  std::optional<T> value_;
};

template <class T>
class Stored<T&> {
 public:
  void set(T& value) noexcept { value_ = &value; }
  bool has_value() const noexcept { return value_ != nullptr; }
  T& take() const noexcept { return *value_; }

 private:
  T* value_ = nullptr;
};

template <>
class Stored<void> {
 public:
  static constexpr bool has_value() noexcept { return true; }
  void take() const noexcept {}
};

template <class T>
inline constexpr bool is_result = false;
template <class T>
inline constexpr bool is_result<std::expected<T, std::error_code>> = true;

/// The type for a `T` in a `Result`, a variant or a vector, which cannot hold references.
template <class T>
struct Value {
  using type = T;
};
template <class T>
struct Value<T&> {
  using type = std::reference_wrapper<T>;
};
template <class T>
using ValueOf = typename Value<T>::type;

/// True for a type that may hold an error: the awaiting coroutine must look at the result.
template <class T>
inline constexpr bool may_be_error = false;
template <class T, class E>
inline constexpr bool may_be_error<std::expected<T, E>> = true;

/// Not inlined: g++ 12 would let each operation that completes at once pay two instructions for it.
[[gnu::noinline]] inline void use_budget(PromiseBase& task) noexcept { --task.budget; }

/// Starts `operation` for the coroutine `frame`. False: it is complete, the coroutine goes on.
/// True: the coroutine is suspended until `leaf` is complete; `leaf` stands for `operation` in the
/// task. The task waits on `leaf.waiting()` if `operation` is not complete, and on
/// `leaf.complete()` if it is complete but the task has to yield.
template <class Op, class Leaf>
bool start_operation(PromiseBase& task, Op& operation, Leaf&& leaf,
                     std::coroutine_handle<> frame) noexcept {
  static_assert(noexcept(operation.try_start()), "an operation keeps its exceptions for take()");
  const bool spent = task.budget == 0;  // before `try_start`: branches use the budget too
  const bool yields_first = Op::kTraits.refers_to_others && spent;
  // A message needs the coroutine for its place. This store costs, so only debug builds make it
  // here. An operation that waits stores the coroutine anyway.
  const std::coroutine_handle<> before = task.innermost();
  if constexpr (kDebugChecks) task.innermost() = frame;
  if (!yields_first && operation.try_start()) {
    if constexpr (!Op::kTraits.refers_to_others) {
      if (spent) {
        yield_over_budget(task, leaf.complete(), frame);
        return true;
      }
    }
    if constexpr (kDebugChecks) task.innermost() = before;
    if (Op::kTraits.refers_to_others || task.budget != 0) --task.budget;
    return false;
  }
  task.innermost() = frame;  // first, so that a message of `begin_wait` names the right place
  const bool waits = operation.begin_wait(task);
  if constexpr (Op::kTraits.abandons) {
    task.abandons = true;
    if (task.watches()) [[unlikely]] {
      note_source_of_abandons();
    }
  }
  if (yields_first) {
    yield_over_budget(task, waits ? leaf.waiting() : leaf.complete(), frame);
    return true;
  }
  if (!waits) {
    task.innermost() = nullptr;  // `frame` goes on, and may be gone when a message needs a place
    // A loop over what is closed must let other tasks run, too.
    if constexpr (Op::kTraits.refers_to_others) use_budget(task);
    return false;
  }
  task.operation() = &leaf.waiting();
  return true;
}

/// The leaf of a plain operation: the operation itself.
template <class Op>
class Itself {
 public:
  explicit Itself(Op& operation) noexcept : operation_(operation) {}

  Operation& waiting() const noexcept { return operation_; }
  Operation& complete() const noexcept { return the_turn(); }

 private:
  Op& operation_;
};

/// Awaits an operation. `Op` is an operation or a reference to one.
template <class Op>
class [[nodiscard]] Awaiting {
 public:
  explicit Awaiting(Op&& operation) noexcept : operation_(std::forward<Op>(operation)) {}

  // await_suspend does all the work, because it gets the promise. A pointer to the promise in this
  // awaiter would take room in the frame for each co_await.
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> frame) noexcept {
    return start_operation(frame.promise().task(), operation_, Itself(operation_), frame);
  }
  decltype(auto) await_resume() { return operation_.take(); }
  [[nodiscard("it may be an error: look at it, or write (void)co_await")]] decltype(auto)
  await_resume()
    requires may_be_error<decltype(std::declval<Op&>().take())>
  {
    return operation_.take();
  }

 private:
  Op operation_;
};

/// True of an operation that has no members. All tasks that wait share one object.
template <class Op>
inline constexpr bool has_no_state = sizeof(Op) == sizeof(Operation);

template <class Op>
inline constinit Op shared_operation;

/// Awaits an operation that has no members. It holds no reference to the operation: g++ would keep
/// the reference in the frame.
template <class Op>
class [[nodiscard]] AwaitingShared {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> frame) const noexcept {
    Op& operation = shared_operation<Op>;
    return start_operation(frame.promise().task(), operation, Itself(operation), frame);
  }
  decltype(auto) await_resume() const { return shared_operation<Op>.take(); }
};

template <class T>
class TaskAwaiter;
template <class A>
class Ok;
template <class P, class A>
class OkAwaiter;

template <class A>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<Task<T>> = true;
template <class A>
inline constexpr bool is_ok = false;
template <class A>
inline constexpr bool is_ok<Ok<A>> = true;

/// The promise of `Task<T>`, without the functions of `co_return`.
template <class T>
class PromiseOf : public PromiseBase {
 public:
  T take() {
    if (threw) std::rethrow_exception(std::move(exception));
    return stored.take();
  }

  // `place` is the pointer in a std::source_location. g++ would keep a whole one in the frame.
  template <class A>
  auto await_transform(A&& awaited, const void* place = __builtin_source_location()) noexcept {
    using Plain = std::remove_cvref_t<A>;
    refuse_temporary<A>();
    this->awaiting = place;
    if constexpr (is_task<Plain>) {
      static_assert(!std::is_lvalue_reference_v<A>,
                    "a task is awaited once: write co_await std::move(task)");
      return TaskAwaiter<typename Plain::value_type>(this->task(), std::forward<A>(awaited));
    } else if constexpr (is_ok<Plain>) {
      using Awaited = typename Plain::awaited_type;
      if constexpr (is_task<Awaited>) {
        return OkAwaiter<PromiseOf, Awaited>(*this, awaited);
      } else {
        return OkAwaiter<PromiseOf, Awaited>(awaited);
      }
    } else if constexpr (is_result<Plain>) {
      static_assert(sizeof(Plain) == 0,
                    "a Result is there already: use it as it is, or co_await eddy::ok(result), "
                    "which gives its value");
    } else if constexpr (IsOperation<Plain>) {
      static_assert(!std::is_lvalue_reference_v<A>,
                    "an operation is awaited once: co_await it where it is made");
      if constexpr (has_no_state<Plain>) {
        return AwaitingShared<Plain>();
      } else {
        return Awaiting<Plain&>(awaited);
      }
    } else if constexpr (HasOperation<Plain>) {
      return Awaiting<decltype(awaited.as_operation())>(awaited.as_operation());
    } else {
      static_assert(sizeof(Plain) == 0,
                    "only eddy's tasks and operations can be awaited in an eddy::Task: others "
                    "would resume it behind the run loop's back. Use eddy::current_waker() and "
                    "eddy::suspend() to wait for something of your own");
    }
  }

  [[no_unique_address]] Stored<T> stored;
};

/// True if a `Task<T>` may `co_return` a `U&&`.
template <class T, class U>
inline constexpr bool is_returnable = std::is_convertible_v<U&&, T>;
template <class T, class U>
inline constexpr bool is_returnable<T&, U> =
    std::is_convertible_v<U&&, T&> && std::is_convertible_v<std::remove_reference_t<U>*, T*> &&
    std::is_lvalue_reference_v<U>;
template <class T, class U>
inline constexpr bool is_returnable<T&, std::reference_wrapper<U>> = std::is_convertible_v<U*, T*>;
template <class T, class U>
inline constexpr bool is_returnable<T&, std::reference_wrapper<U>&> = std::is_convertible_v<U*, T*>;

/// True for types that a user returns to mean an error.
template <class U>
inline constexpr bool names_error =
    std::is_error_code_enum_v<U> || std::is_error_condition_enum_v<U> ||
    std::is_same_v<U, std::error_code>;
template <class E>
inline constexpr bool names_error<std::unexpected<E>> = true;

/// Gives the compile error for a wrong `co_return`.
template <class T, class U>
void refuse_return() noexcept {
  using Plain = std::remove_cvref_t<U>;
  constexpr bool kError = is_result<T> && names_error<Plain>;
  static_assert(!kError, "to return an error, write co_return eddy::failure(error)");
  static_assert(!is_task<Plain>, "to return what a task gives, write co_return co_await task()");
  static_assert(!std::is_reference_v<T> || kError || is_task<Plain>,
                "a task that returns a reference co_returns an lvalue: a temporary would be gone "
                "before it is used. Return a value instead, Task<std::string>");
  static_assert(std::is_reference_v<T> || kError || is_task<Plain>,
                "what is co_returned does not convert implicitly to what the task returns: write "
                "the conversion, co_return T(value)");
}

template <class T>
class Promise final : public PromiseOf<T> {
 public:
  static_assert(!std::is_rvalue_reference_v<T>, "a task returns a value, a reference, or nothing");
  /// `place` is the place of the coroutine.
  Task<T> get_return_object(const void* place = __builtin_source_location()) noexcept;

  /// Converts as `return` does in a function: implicitly, and no reference to a temporary.
  template <class U = T>
  void return_value(U&& value) {
    if constexpr (is_returnable<T, U>) {
      this->stored.set(std::forward<U>(value));
    } else {
      refuse_return<T, U>();
    }
  }
};

template <>
class Promise<void> final : public PromiseOf<void> {
 public:
  Task<void> get_return_object(const void* place = __builtin_source_location()) noexcept;
  void return_void() const noexcept {}
};

}  // namespace detail
}  // namespace eddy
