// The allocations of this program, counted, and refused on request.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::test {

/// How many times this thread has allocated.
long allocations() noexcept;

/// Of this thread's next allocations the one after `successes` others throws std::bad_alloc; -1:
/// none does.
void refuse_allocation_after(long successes) noexcept;

/// True if coroutine frames come from free lists: not so under the sanitizers.
bool frames_are_pooled();

}  // namespace eddy::test
