// expect: this takes a function and its arguments, (f, x), not a task, (f(x))
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int part);

void start(eddy::TaskGroup& group) {
#ifdef EDDY_COMPILE_OK
  group.spawn(work, 1);
#else
  group.spawn(work(1));
#endif
}
