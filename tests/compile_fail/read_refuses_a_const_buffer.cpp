// expect: a read cannot fill a const buffer
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <string>

eddy::Task<> read(eddy::TcpStream& stream) {
#ifdef EDDY_COMPILE_OK
  std::string buffer(100, '\0');
#else
  const std::string buffer(100, '\0');
#endif
  (void)co_await stream.read(buffer);
}
