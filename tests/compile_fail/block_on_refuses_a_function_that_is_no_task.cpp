// expect: f must return an eddy::Task
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

void run() {
#ifdef EDDY_COMPILE_OK
  eddy::block_on([]() -> eddy::Task<> { co_return; });
#else
  eddy::block_on([] {});
#endif
}
