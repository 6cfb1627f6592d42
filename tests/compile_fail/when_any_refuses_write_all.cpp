// expect: wrap the operation in eddy::may_lose(...)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>

eddy::Task<> write_or_give_up(eddy::TcpStream& stream) {
  const std::array<std::byte, 8> data{};
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(eddy::yield_now(), stream.write(data));
#else
  co_await eddy::when_any(eddy::yield_now(), stream.write_all(data));
#endif
}
