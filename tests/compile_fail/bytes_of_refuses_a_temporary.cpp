// expect: the bytes of a temporary would be gone: give it a name
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <string>
#include <string_view>

void slices() {
#ifdef EDDY_COMPILE_OK
  const auto bytes = eddy::bytes_of(std::string_view("text"));
#else
  const auto bytes = eddy::bytes_of(std::string("text"));
#endif
}
