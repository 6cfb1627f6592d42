// expect: timeout takes eddy's tasks and operations
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  static_cast<void>(co_await eddy::timeout(1s, eddy::yield_now()));
#else
  static_cast<void>(co_await eddy::timeout(1s, 42));
#endif
}
