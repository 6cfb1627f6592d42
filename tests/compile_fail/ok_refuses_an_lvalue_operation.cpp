// expect: an operation is awaited once: make it here
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

eddy::Task<eddy::Result<>> write(eddy::TcpStream& stream, std::span<const std::byte> data) {
#ifdef EDDY_COMPILE_OK
  co_await eddy::ok(stream.write_all(data));
#else
  auto operation = stream.write_all(data);
  co_await eddy::ok(operation);
#endif
  co_return {};
}
