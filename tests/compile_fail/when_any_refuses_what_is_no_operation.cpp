// expect: when_any takes eddy's tasks and operations
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(number(), eddy::yield_now());
#else
  co_await eddy::when_any(42, eddy::yield_now());
#endif
}
