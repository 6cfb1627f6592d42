// expect: deleted
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <utility>

eddy::Task<> copy(eddy::Task<> task) {
#ifdef EDDY_COMPILE_OK
  eddy::Task<> other = std::move(task);
#else
  eddy::Task<> other = task;
#endif
  co_await std::move(other);
}
