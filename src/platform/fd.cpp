// SPDX-License-Identifier: MIT

#include "eddy/platform/fd.hpp"

#include "eddy/platform/sys.hpp"

namespace eddy {

void Fd::close_raw(RawSource raw) noexcept { static_cast<void>(sys::close(raw)); }

}  // namespace eddy
