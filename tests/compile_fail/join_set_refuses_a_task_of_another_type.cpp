// expect: a task of a JoinSet<T> is a Task<T>
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }
eddy::Task<long> long_number() { co_return 1; }

void run(eddy::JoinSet<int>& set) {
#ifdef EDDY_COMPILE_OK
  set.spawn(number);
#else
  set.spawn(long_number);
#endif
}
