// expect: a waker of this task would not end suspend()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> until_woken(eddy::Waker& waker) {
  waker = co_await eddy::current_waker();
  co_await eddy::suspend();
}

eddy::Task<> wait(eddy::Waker waker) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(until_woken(waker), eddy::sleep_for(std::chrono::hours(1)));
#else
  co_await eddy::when_any(eddy::suspend(), eddy::sleep_for(std::chrono::hours(1)));
#endif
}
