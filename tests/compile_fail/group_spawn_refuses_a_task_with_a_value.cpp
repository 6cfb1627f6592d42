// expect: a task of a group is a Task<> or a Task<Result<>>: nobody would get its value
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }
eddy::Task<eddy::Result<>> nothing() { co_return {}; }

void run(eddy::TaskGroup& group) {
#ifdef EDDY_COMPILE_OK
  group.spawn(nothing);
#else
  group.spawn(number);
#endif
}
