// expect: when_any needs a branch
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(eddy::yield_now());
#else
  co_await eddy::when_any();
#endif
}
