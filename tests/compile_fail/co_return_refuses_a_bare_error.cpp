// expect: to return an error, write co_return eddy::failure(error)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> use() {
#ifdef EDDY_COMPILE_OK
  co_return eddy::failure(eddy::Error::end_of_stream);
#else
  co_return eddy::Error::end_of_stream;
#endif
}
