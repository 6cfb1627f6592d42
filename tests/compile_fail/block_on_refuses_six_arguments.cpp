// expect: block_on takes at most five arguments: give it a lambda that captures them
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int, int, int, int, int, int) { co_return; }

void run() {
#ifdef EDDY_COMPILE_OK
  eddy::block_on([]() -> eddy::Task<> { return work(1, 2, 3, 4, 5, 6); });
#else
  eddy::block_on(work, 1, 2, 3, 4, 5, 6);
#endif
}
