// The end of a program that broke a contract of the library.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace eddy::detail {

/// Prints "eddy: `what`" to standard error, with the place of the task that runs, and aborts. For
/// broken contracts only, never for errors that a correct program can meet.
EDDY_EXPORT [[noreturn]] void fatal(std::string_view what) noexcept;

/// Stops the program: a task that another copy of eddy runs has begun to wait by this copy.
[[noreturn]] void stop_task_of_another_copy() noexcept;

/// Prints "eddy: `what`" to standard error.
EDDY_EXPORT void warn(std::string_view what) noexcept;

/// Writes the place of the running task, which `fatal` adds, and returns how many bytes that took.
using PlaceWriter = std::size_t (*)(std::span<char> out) noexcept;
/// Sets the place writer of all threads. Whoever runs tasks calls it.
void set_place_writer(PlaceWriter writer) noexcept;

}  // namespace eddy::detail
