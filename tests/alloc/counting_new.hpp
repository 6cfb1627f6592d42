// Counts the allocations of this program, and refuses them on request.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::test {

/// The number of allocations of this thread.
long allocations() noexcept;

/// After `successes` more allocations of this thread, the next one throws std::bad_alloc. With -1
/// none does.
void refuse_allocation_after(long successes) noexcept;

/// True if coroutine frames come from free lists. False under the sanitizers.
bool frames_are_pooled();

}  // namespace eddy::test
