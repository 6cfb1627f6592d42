// expect: use std::ref for an argument that f takes by non-const reference
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <functional>

eddy::Task<> add(int& sum, int n) {
  sum += n;
  co_return;
}

void start(int& sum) {
#ifdef EDDY_COMPILE_OK
  eddy::spawn(add, std::ref(sum), 1).detach();
#else
  eddy::spawn(add, sum, 1).detach();
#endif
}
