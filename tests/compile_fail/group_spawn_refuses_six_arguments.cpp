// expect: spawn takes at most five arguments: spawn_at(place, f, ...) takes any number
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int, int, int, int, int, int) { co_return; }

void run(eddy::TaskGroup& group) {
#ifdef EDDY_COMPILE_OK
  group.spawn_at(std::source_location::current(), work, 1, 2, 3, 4, 5, 6);
#else
  group.spawn(work, 1, 2, 3, 4, 5, 6);
#endif
}
