// expect: what cannot be moved is awaited where it is: give the variable, without std::move
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

using namespace std::chrono_literals;

eddy::Task<> wait() {
  eddy::Pinned pinned(eddy::sleep_for(1s));
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(pinned, eddy::yield_now());
#else
  co_await eddy::when_any(std::move(pinned), eddy::yield_now());
#endif
}
