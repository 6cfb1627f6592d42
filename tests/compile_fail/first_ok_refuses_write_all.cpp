// expect: first_ok would lose the bytes that read_exact or write_all has already moved
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <array>
#include <cstddef>

eddy::Task<> work(eddy::TcpStream& first, eddy::TcpStream& second) {
  std::array<std::byte, 4> data{};
#ifndef EDDY_COMPILE_OK
  (void)co_await eddy::first_ok(first.write_all(data), second.write_all(data));
#endif
  (void)co_await eddy::first_ok(eddy::may_lose(first.write_all(data)),
                                eddy::may_lose(second.write_all(data)));
}
