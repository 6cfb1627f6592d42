// A task that goes on if the task that awaits it is cancelled.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/join_handle.hpp"
#include "eddy/task/task.hpp"

#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy {

/// Runs `task` as a shielded task, for a clean-up that must run to its end. A shielded task is not
/// cancelled with the task that awaits it, and `block_on` waits for it before it returns. Tasks
/// that it spawns also live on at the end of `block_on`, until the last shielded task has ended.
/// Gives what `task` gives, or throws its exception.
/// **Cancel**: the shielded task runs on, detached. Then its exception or error is reported on
/// standard error.
template <class T>
Task<T> shield(Task<T> task, std::source_location where = std::source_location::current()) {
  JoinHandle<T> handle(std::move(task), where, detail::Shielded::yes);
  JoinResult<T> joined = co_await handle;
  if (!joined) joined.error().rethrow();
  if constexpr (!std::is_void_v<T>) co_return std::move(*joined);
}

/// Refused: an operation would refer to what the coroutine that awaits it owns.
template <class A>
  requires(!detail::is_task<std::remove_cvref_t<A>>)
void shield(A&&) {
  static_assert(sizeof(std::decay_t<A>) == 0,
                "shield takes a task: what it runs may outlive the coroutine that awaits it, so "
                "write a coroutine that owns what it uses");
}

}  // namespace eddy
