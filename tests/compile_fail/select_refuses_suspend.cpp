// expect: a waker of this task would not end suspend()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> until_woken(eddy::Waker& waker) {
  waker = co_await eddy::current_waker();
  co_await eddy::suspend();
}

eddy::Task<> wait(eddy::Waker waker) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::select(until_woken(waker), eddy::sleep(std::chrono::hours(1)));
#else
  co_await eddy::select(eddy::suspend(), eddy::sleep(std::chrono::hours(1)));
#endif
}
