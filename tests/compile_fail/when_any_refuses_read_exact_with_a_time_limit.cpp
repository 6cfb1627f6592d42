// expect: when_any would lose the bytes that read_exact or write_all has already moved
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>

using namespace std::chrono_literals;

eddy::Task<> read_or_give_up(eddy::TcpStream& stream) {
  std::array<std::byte, 8> buffer{};
#ifdef EDDY_COMPILE_OK
  static_cast<void>(co_await eddy::timeout(1s, stream.read_exact(buffer)));
#else
  co_await eddy::when_any(eddy::timeout(1s, stream.read_exact(buffer)), eddy::yield_now());
#endif
}
