// expect: for a pointer give its length too, std::string_view(pointer, length)
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <string_view>

eddy::Task<> write(eddy::TcpStream& stream, const char* text) {
#ifdef EDDY_COMPILE_OK
  (void)co_await stream.write_all(std::string_view(text));
#else
  (void)co_await stream.write_all(text);
#endif
}
