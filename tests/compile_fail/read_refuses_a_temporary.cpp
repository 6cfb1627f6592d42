// expect: a read cannot fill a temporary, whose bytes would be gone: give it a name
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
