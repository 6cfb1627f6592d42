// expect: block_on takes at most five arguments: block_on_at(place, f, ...) takes any number
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int, int, int, int, int, int) { co_return; }

void run() {
#ifdef EDDY_COMPILE_OK
  eddy::block_on_at(std::source_location::current(), work, 1, 2, 3, 4, 5, 6);
#else
  eddy::block_on(work, 1, 2, 3, 4, 5, 6);
#endif
}
