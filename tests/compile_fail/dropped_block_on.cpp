// expect warning: what the task gives may be an error: look at it, or write (void)block_on
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> serve() { co_return {}; }
eddy::Task<> work() { co_return; }

void run() {
#ifndef EDDY_COMPILE_OK
  eddy::block_on(serve());  // here
#endif
  (void)eddy::block_on(serve());
  eddy::block_on(work());
}
