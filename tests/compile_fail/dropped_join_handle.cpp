// expect warning: dropping the handle detaches the task; say so with detach()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work() { co_return; }

void run() {
#ifndef EDDY_COMPILE_OK
  eddy::spawn(work);  // here
#endif
  eddy::spawn(work).detach();
}
