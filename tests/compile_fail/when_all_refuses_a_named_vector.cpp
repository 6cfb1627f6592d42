// expect: the tasks of a vector are awaited once: write std::move(tasks)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <utility>
#include <vector>

eddy::Task<> wait(std::vector<eddy::Task<int>> tasks) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_all(std::move(tasks));
#else
  co_await eddy::when_all(tasks);
#endif
}
