// What a shared library of eddy exports.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

/// EDDY_EXPORT marks what a user's code refers to: public functions, the details that headers call,
/// and the classes with virtual functions among both. EDDY_LOCAL excludes a member of a marked
/// class that only the library calls. A shared library exports nothing else. A static library
/// exports nothing, not even from a user's shared object that contains it. EDDY_SHARED is defined
/// by the build of a shared library, and for its users.
#if defined(EDDY_SHARED) && !defined(_WIN32)
#define EDDY_EXPORT [[gnu::visibility("default")]]
#define EDDY_LOCAL [[gnu::visibility("hidden")]]
#else
#define EDDY_EXPORT
#define EDDY_LOCAL
#endif
