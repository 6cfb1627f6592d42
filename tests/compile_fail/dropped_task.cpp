// expect warning: a task does nothing until it is awaited, spawned or given to block_on
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work() { co_return; }

void run() {
#ifndef EDDY_COMPILE_OK
  work();                // here
  eddy::shield(work());  // here
  eddy::ctrl_c();        // here
#endif
  (void)work();
}
