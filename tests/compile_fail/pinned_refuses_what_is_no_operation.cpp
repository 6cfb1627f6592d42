// expect: a Pinned holds one of eddy's tasks or operations
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<> wait() {
#ifdef EDDY_COMPILE_OK
  eddy::Pinned pinned(eddy::sleep_for(1s));
#else
  eddy::Pinned pinned(1s);
#endif
  co_await pinned;
}
