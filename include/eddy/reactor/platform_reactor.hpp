// The backend of this platform, chosen at compile time.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/reactor/backend.hpp"

// EDDY_BACKEND_KQUEUE is for tests on Linux: see tests/kqueue.
#if defined(_WIN32)
#include "eddy/reactor/iocp.hpp"
namespace eddy {
using PlatformReactor = IocpReactor;
}  // namespace eddy
#elif defined(__APPLE__) || defined(__FreeBSD__) || defined(EDDY_BACKEND_KQUEUE)
#include "eddy/reactor/kqueue.hpp"
namespace eddy {
using PlatformReactor = KqueueReactor;
}  // namespace eddy
#else
#include "eddy/reactor/epoll.hpp"
namespace eddy {
using PlatformReactor = EpollReactor;
}  // namespace eddy
#endif

namespace eddy {
static_assert(ReactorBackend<PlatformReactor>);
}  // namespace eddy
