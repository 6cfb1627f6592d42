// A task that outlives the cancellation of whoever awaits it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/join_handle.hpp"
#include "eddy/task/task.hpp"

#include <source_location>
#include <type_traits>
#include <utility>

namespace eddy {

/// Runs `task` as one that is not cancelled with whoever awaits it, and that the end of `block_on`
/// waits for: clean-up that must finish. Gives what the task gives, or throws its exception.
/// What it spawns lives on at the end of `block_on` too, until the last shielded task has ended.
/// **Cancel**: the task runs on, detached. Its exception or error is reported on standard error
/// then.
template <class T>
Task<T> shield(Task<T> task, std::source_location where = std::source_location::current()) {
  JoinHandle<T> handle(std::move(task), where, detail::Shielded::yes);
  JoinResult<T> joined = co_await handle;
  if (!joined) joined.error().rethrow();
  if constexpr (!std::is_void_v<T>) co_return std::move(*joined);
}

}  // namespace eddy
