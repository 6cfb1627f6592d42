// expect: when_any would lose the bytes that read_exact or write_all has already moved
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>

eddy::Task<> read_or_give_up(eddy::TcpStream& stream) {
  std::array<std::byte, 8> buffer{};
#ifdef EDDY_COMPILE_OK
  co_await eddy::when_any(eddy::may_lose(stream.read_exact(buffer)), eddy::yield_now());
#else
  co_await eddy::when_any(stream.read_exact(buffer), eddy::yield_now());
#endif
}
