// expect: to return an error, write co_return eddy::failure(error)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> use(eddy::Result<int> other) {
#ifdef EDDY_COMPILE_OK
  co_return eddy::failure(other.error());
#else
  co_return other.error();
#endif
}
