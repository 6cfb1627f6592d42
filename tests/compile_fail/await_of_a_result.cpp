// expect: a Result is there already: use it as it is, or co_await eddy::ok(result)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> listen(eddy::SocketAddress address) {
#ifdef EDDY_COMPILE_OK
  eddy::TcpListener listener = co_await eddy::ok(eddy::TcpListener::bind(address));
#else
  auto listener = co_await eddy::TcpListener::bind(address);
#endif
  co_return {};
}
