// expect warning: ok(...) is to be awaited: co_await ok(operation)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> use(eddy::TcpStream& stream) {
#ifndef EDDY_COMPILE_OK
  eddy::ok(stream.readable());  // here
#endif
  co_await eddy::ok(stream.readable());
  co_return {};
}
