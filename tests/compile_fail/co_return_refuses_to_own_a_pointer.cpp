// expect: what is co_returned does not convert implicitly to what the task returns
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <memory>

eddy::Task<std::unique_ptr<int>> own(int* pointer) {
#ifdef EDDY_COMPILE_OK
  co_return std::unique_ptr<int>(pointer);
#else
  co_return pointer;
#endif
}
