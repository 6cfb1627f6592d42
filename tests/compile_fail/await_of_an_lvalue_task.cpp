// expect: a task is awaited once: write co_await std::move(task)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }

eddy::Task<int> twice() {
  eddy::Task<int> task = number();
#ifdef EDDY_COMPILE_OK
  co_return 2 * co_await std::move(task);
#else
  co_return 2 * co_await task;
#endif
}
