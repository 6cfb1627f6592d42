// expect: only eddy's tasks and operations can be awaited in an eddy::Task
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <coroutine>

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::suspend();
#else
  co_await std::suspend_always{};
#endif
}
