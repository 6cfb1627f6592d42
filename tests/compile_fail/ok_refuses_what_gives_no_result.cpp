// expect: ok(...) is for what gives an eddy::Result; this gives none: co_await it without ok
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }
eddy::Task<eddy::Result<int>> result() { co_return 1; }

eddy::Task<eddy::Result<int>> use() {
#ifdef EDDY_COMPILE_OK
  co_return co_await eddy::ok(result());
#else
  co_return co_await eddy::ok(number());
#endif
}
