// expect: get_or_init takes a coroutine and calls it: get_or_init(make), not get_or_init(make())
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<int> make() { co_return 1; }

eddy::Task<> work(eddy::OnceCell<int>& cell) {
#ifndef EDDY_COMPILE_OK
  (void)co_await cell.get_or_init(make());
#endif
  (void)co_await cell.get_or_init(make);
}
