// expect: a write takes a contiguous range of std::byte, char or unsigned char
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <span>
#include <vector>

eddy::Task<> write(eddy::TcpStream& stream, const std::vector<int>& numbers) {
#ifdef EDDY_COMPILE_OK
  (void)co_await stream.write_all(std::as_bytes(std::span(numbers)));
#else
  (void)co_await stream.write_all(numbers);
#endif
}
