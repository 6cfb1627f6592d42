// expect: each branch of try_all gives an eddy::Result; one of these gives none: use when_all
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<int>> number() { co_return 1; }

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_all(number(), eddy::yield_now());
#else
  co_await eddy::try_all(number(), eddy::yield_now());
#endif
}
