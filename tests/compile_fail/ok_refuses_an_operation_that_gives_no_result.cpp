// expect: ok(...) is for what gives an eddy::Result; this gives none: co_await it without ok
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<eddy::Result<>> use() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::ok(eddy::timeout(1s, eddy::yield_now()));
#else
  co_await eddy::ok(eddy::yield_now());
#endif
  co_return {};
}
