// Where in the program the running task is: for messages.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <source_location>
#include <span>
#include <string_view>

namespace eddy::detail {

class Waiter;
struct TaskHeader;

/// Where `task` was spawned. A branch was not: for it, where the task was spawned that awaits it,
/// which `parent` says once that task waits. Line 0 if it is not known.
EDDY_EXPORT std::source_location spawn_place(const TaskHeader& task, const Waiter* parent) noexcept;

/// The last part of the path.
std::string_view file_name_of(const std::source_location& place) noexcept;

/// Writes ", in the task spawned at FILE:LINE, at the co_await at FILE:LINE" of the task that runs
/// on this thread; gives how many bytes that took, none if no task runs. The worker hands it to
/// `fatal`.
std::size_t write_place_of_running_task(std::span<char> out) noexcept;

}  // namespace eddy::detail
