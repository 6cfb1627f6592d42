// std::stop_token, where the standard library has it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <version>

/// 0 with libc++ before 20 (Apple's too), unless the program is compiled with
/// -fexperimental-library.
#if !defined(_LIBCPP_VERSION) || _LIBCPP_VERSION >= 200000 || defined(_LIBCPP_ENABLE_EXPERIMENTAL)
#define EDDY_HAS_STOP_TOKEN 1
#include <stop_token>
#else
#define EDDY_HAS_STOP_TOKEN 0
#endif
