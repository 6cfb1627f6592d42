// expect: a read fills a contiguous range of std::byte, char or unsigned char
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <span>
#include <vector>

eddy::Task<> read(eddy::TcpStream& stream, std::vector<int>& numbers) {
#ifdef EDDY_COMPILE_OK
  (void)co_await stream.read_exact(std::as_writable_bytes(std::span(numbers)));
#else
  (void)co_await stream.read_exact(numbers);
#endif
}
