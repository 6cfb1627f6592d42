// expect: spawn takes at most five arguments: spawn_at(place, f, ...) takes any number
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<> work(int, int, int, int, int, int) { co_return; }

void run() {
#ifdef EDDY_COMPILE_OK
  eddy::spawn_at(std::source_location::current(), work, 1, 2, 3, 4, 5, 6).detach();
#else
  eddy::spawn(work, 1, 2, 3, 4, 5, 6).detach();
#endif
}
