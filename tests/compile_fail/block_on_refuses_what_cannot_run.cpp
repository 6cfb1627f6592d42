// expect: block_on takes a task, a coroutine function and its arguments, or an operation
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

void run() {
#ifdef EDDY_COMPILE_OK
  eddy::block_on(eddy::yield_now());
#else
  eddy::block_on(42);
#endif
}
