// Waiting for another thread's next instructions.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

namespace eddy::detail {

/// Tells the processor that this thread waits in a loop, where there is an instruction for it.
inline void pause_processor() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

}  // namespace eddy::detail
