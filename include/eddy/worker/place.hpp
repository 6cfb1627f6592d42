// The place of a task in the program, for messages.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <source_location>
#include <span>
#include <string_view>

namespace eddy::detail {

class PromiseBase;

/// Where `task` was spawned; for a branch, where the task that awaits it was spawned. Line 0 if the
/// place is not known.
EDDY_EXPORT std::source_location spawn_place(const PromiseBase& task) noexcept;

/// The file's name without its folders.
std::string_view file_name_of(const std::source_location& place) noexcept;

/// Writes ", in the task spawned at FILE:LINE, at the co_await at FILE:LINE" for the running task
/// of this thread. Returns the number of bytes, 0 if no task runs. The worker gives this function
/// to `set_place_writer`.
std::size_t write_place_of_running_task(std::span<char> out) noexcept;

}  // namespace eddy::detail
