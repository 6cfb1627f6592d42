// expect: a waker of this task would not end suspend()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  static_cast<void>(co_await eddy::timeout(std::chrono::seconds(1), eddy::suspend()));
#else
  co_await eddy::when_any(eddy::timeout(std::chrono::seconds(1), eddy::suspend()));
#endif
}
