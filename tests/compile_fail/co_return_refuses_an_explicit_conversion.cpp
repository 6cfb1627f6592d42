// expect: what is co_returned does not convert implicitly to what the task returns
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <vector>

eddy::Task<std::vector<int>> numbers() {
#ifdef EDDY_COMPILE_OK
  co_return std::vector<int>(5);
#else
  co_return 5;
#endif
}
