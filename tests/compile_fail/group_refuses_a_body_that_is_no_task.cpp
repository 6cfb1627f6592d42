// expect: the body of a group is a coroutine
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  auto body = [](eddy::TaskGroup&) -> eddy::Task<> { co_return; };
#else
  auto body = [](eddy::TaskGroup&) {};
#endif
  co_await eddy::with_group(body);
}
