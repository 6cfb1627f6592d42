// What must be known of the compiler. Every header of eddy includes this one before a standard
// header.
// SPDX-License-Identifier: MIT
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG <= 202002L : __cplusplus <= 202002L
#error \
    "eddy needs C++23: compile with -std=c++23 (MSVC: /std:c++latest), or link to eddy::eddy in CMake"
// The compiler stops at a file that is not there. Without this line it goes on for hundreds of
// errors.
#include "eddy needs C++23"
#endif

namespace eddy::detail {

/// True of g++, whose coroutine frames are always blocks of their own: see
/// PromiseBase::check_frame.
#if defined(__GNUC__) && !defined(__clang__)
inline constexpr bool kIsGcc = true;
#else
inline constexpr bool kIsGcc = false;
#endif

/// True of g++ before 13: it destroys a closure or an aggregate twice that is made as a temporary
/// inside a full expression that awaits. See docs/compilers.md.
inline constexpr bool kDestroysTemporariesTwice =
#if defined(__GNUC__) && !defined(__clang__)
    __GNUC__ < 13;
#else
    false;
#endif

}  // namespace eddy::detail
