// expect: f must return an eddy::Task
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

int work(int n) { return n; }
eddy::Task<int> task(int n) { co_return work(n); }

void start() {
#ifdef EDDY_COMPILE_OK
  eddy::spawn(task, 1).detach();
#else
  eddy::spawn(work, 1).detach();
#endif
}
