// expect: retry looks for errors, so its function gives a task or operation that gives an
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> number() { co_return 1; }
eddy::Task<eddy::Result<int>> number_or_error() { co_return 1; }

eddy::Task<> work() {
#ifndef EDDY_COMPILE_OK
  (void)co_await eddy::retry({.attempts = 2}, number);
#endif
  (void)co_await eddy::retry({.attempts = 2}, number_or_error);
}
