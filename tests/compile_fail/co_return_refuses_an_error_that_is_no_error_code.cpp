// expect: to return an error, write co_return eddy::failure(error)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<int>> use() {
#ifdef EDDY_COMPILE_OK
  co_return eddy::failure(std::errc::io_error);
#else
  co_return std::unexpected(std::errc::io_error);
#endif
}
