// expect: to return what a task gives, write co_return co_await task()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }

eddy::Task<int> use() {
#ifdef EDDY_COMPILE_OK
  co_return co_await number();
#else
  co_return number();
#endif
}
