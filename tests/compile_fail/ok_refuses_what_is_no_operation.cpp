// expect: ok takes an eddy::Result, or a task or operation that gives one
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<int>> use(eddy::Result<int> result) {
#ifdef EDDY_COMPILE_OK
  co_return co_await eddy::ok(std::move(result));
#else
  co_return co_await eddy::ok(*result);
#endif
}
