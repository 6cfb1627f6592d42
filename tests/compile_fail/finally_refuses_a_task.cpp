// expect: finally takes the function of the clean-up and its arguments, finally(work(), f, x)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> clean_up(int) { co_return; }

eddy::Task<> work(int number) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::finally(eddy::yield_now(), clean_up, number);
#else
  co_await eddy::finally(eddy::yield_now(), clean_up(number));
#endif
}
