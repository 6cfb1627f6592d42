// expect: what is read into must not be a temporary: what was read would be gone with it
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <span>
#include <string>

eddy::Task<> read(eddy::TcpStream& stream, std::string& buffer) {
#ifdef EDDY_COMPILE_OK
  (void)co_await stream.read(std::span(buffer));
#else
  (void)co_await stream.read(std::string(100, '\0'));
#endif
}
