// The end of a program that broke a contract of the library.
#pragma once

#include "eddy/platform/compiler.hpp"

#include <string_view>

namespace eddy::detail {

/// Prints "eddy: `what`" to standard error and aborts. For broken contracts only, never for errors
/// that a correct program can meet.
[[noreturn]] void fatal(std::string_view what) noexcept;

/// Prints "eddy: `what`" to standard error.
void warn(std::string_view what) noexcept;

}  // namespace eddy::detail
