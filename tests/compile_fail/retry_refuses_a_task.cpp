// expect: retry calls its function anew for each attempt: retry(policy, f), not retry(policy, f())
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<int>> attempt() { co_return 1; }

eddy::Task<> work() {
#ifndef EDDY_COMPILE_OK
  (void)co_await eddy::retry({.attempts = 2}, attempt());
#endif
  (void)co_await eddy::retry({.attempts = 2}, attempt);
}
