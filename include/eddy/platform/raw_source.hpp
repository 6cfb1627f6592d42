// What the kernel calls a source of events.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <cstdint>

namespace eddy {

/// A file descriptor; on Windows a socket handle.
#ifdef _WIN32
using RawSource = std::uintptr_t;
#else
using RawSource = int;
#endif

/// The value that is no source.
inline constexpr RawSource kNoSource = static_cast<RawSource>(-1);

}  // namespace eddy
