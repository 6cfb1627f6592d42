// SPDX-License-Identifier: MIT

#include "eddy/platform/clock.hpp"

#include "eddy/platform/sys.hpp"

namespace eddy {

Instant Clock::now() noexcept { return Instant(sys::monotonic_now()); }

}  // namespace eddy
