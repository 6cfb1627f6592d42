// What can be awaited, the result of awaiting it, and how to make a task of it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/promise.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/temporaries.hpp"

#include <type_traits>
#include <utility>

namespace eddy::detail {

/// A task that awaits one operation.
template <class Op, class T>
Task<T> run_operation(Op operation) {
  co_return co_await std::move(operation);
}
template <class Op>
Task<void> run_void_operation(Op operation) {
  co_await std::move(operation);
}
template <class Source, class T>
Task<T> run_source(Source& source) {
  co_return co_await source;
}
template <class Source, class T>
Task<T> run_owned_source(Source source) {
  co_return co_await source;
}

/// What awaiting an `A` gives.
template <class A>
struct AwaitResult {
  using type = decltype(std::declval<A&>().take());
};
template <class T>
struct AwaitResult<Task<T>> {
  using type = T;
};
template <HasOperation A>
struct AwaitResult<A> {
  using type = decltype(std::declval<A&>().as_operation().take());
};
template <class A>
using AwaitResultOf = typename AwaitResult<std::remove_cvref_t<A>>::type;

/// What `co_await`, `when_any` and the like accept.
template <class A>
concept IsAwaitable = is_task<std::remove_cvref_t<A>> || IsOperation<std::remove_cvref_t<A>> ||
                      HasOperation<std::remove_cvref_t<A>>;
/// As `IsAwaitable`, for a static_assert: the concept would list each part that is not satisfied.
template <class A>
inline constexpr bool is_awaitable = IsAwaitable<A>;

template <class A>
Task<AwaitResultOf<A>> to_task(A&& awaitable) {
  using Plain = std::remove_cvref_t<A>;
  using T = AwaitResultOf<A>;
  refuse_temporary<A>();
  if constexpr (is_task<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "a task is awaited once: write std::move(task)");
    return std::forward<A>(awaitable);
  } else if constexpr (IsOperation<Plain>) {
    static_assert(!std::is_lvalue_reference_v<A>, "an operation is awaited once: make it here");
    static_assert(!Plain::kTraits.waits_for_own_waker,
                  "a branch is a task of its own, so a waker of this task would not end suspend() "
                  "in it: pass a task that takes its current_waker() and then suspends");
    if constexpr (std::is_void_v<T>) {
      return run_void_operation<Plain>(std::forward<A>(awaitable));
    } else {
      return run_operation<Plain, T>(std::forward<A>(awaitable));
    }
  } else if constexpr (std::is_lvalue_reference_v<A>) {
    return run_source<Plain, T>(awaitable);
  } else if constexpr (!std::is_move_constructible_v<Plain>) {
    static_assert(sizeof(Plain) == 0,
                  "what cannot be moved is awaited where it is: give the variable, without "
                  "std::move");
  } else {
    return run_owned_source<Plain, T>(std::forward<A>(awaitable));
  }
}

}  // namespace eddy::detail
