// expect: ok(...) is for what gives an eddy::Result; this gives none: co_await it without ok
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<eddy::Result<>> use() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::sleep_for(1s);
#else
  co_await eddy::ok(eddy::sleep_for(1s));
#endif
  co_return {};
}
