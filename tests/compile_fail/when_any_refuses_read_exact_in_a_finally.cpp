// expect: when_any would lose the bytes that read_exact or write_all has already moved
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>

eddy::Task<> clean_up();

eddy::Task<> read_or_give_up(eddy::TcpStream& stream) {
  std::array<std::byte, 8> buffer{};
#ifdef EDDY_COMPILE_OK
  static_cast<void>(co_await eddy::finally(stream.read_exact(buffer), clean_up));
#else
  co_await eddy::when_any(eddy::finally(stream.read_exact(buffer), clean_up), eddy::yield_now());
#endif
}
