// What eddy must know about the compiler. Every header of eddy includes this one before any
// standard header.
// SPDX-License-Identifier: MIT
#pragma once

#if defined(_MSVC_LANG) ? _MSVC_LANG <= 202002L : __cplusplus <= 202002L
#error \
    "eddy needs C++23: compile with -std=c++23 (MSVC: /std:c++latest), or link to eddy::eddy in CMake"
// A missing file stops the compiler. Without this line it goes on, and gives hundreds of errors.
#include "eddy needs C++23"
#endif

/// On a class: a local variable of it that nobody uses is a warning. An operation that was given a
/// name and never awaited is one.
#if defined(__GNUC__)
#define EDDY_WARN_UNUSED [[gnu::warn_unused]]
#else
#define EDDY_WARN_UNUSED
#endif

namespace eddy::detail {

/// True of g++ before 13, which lays some coroutine frames out wrongly: see
/// PromiseBase::check_frame.
inline constexpr bool kMisplacesFrames =
#if defined(__GNUC__) && !defined(__clang__)
    __GNUC__ < 13;
#else
    false;
#endif

/// True of g++ before 13. If a full expression awaits, it destroys a temporary closure or aggregate
/// in that expression twice. See docs/compilers.md.
inline constexpr bool kDestroysTemporariesTwice =
#if defined(__GNUC__) && !defined(__clang__)
    __GNUC__ < 13;
#else
    false;
#endif

}  // namespace eddy::detail
