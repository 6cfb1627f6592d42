// expect: an operation is awaited once: co_await it where it is made
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::yield_now();
#else
  auto operation = eddy::yield_now();
  co_await operation;
#endif
}
