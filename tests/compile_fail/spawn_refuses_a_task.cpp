// expect: spawn takes a function and its arguments, spawn(f, x), not a task, spawn(f(x))
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int) { co_return; }

void start() {
#ifdef EDDY_COMPILE_OK
  eddy::spawn(work, 1).detach();
#else
  eddy::spawn(work(1));
#endif
}
