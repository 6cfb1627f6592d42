// expect: a task that returns a reference co_returns an lvalue: a temporary would be gone
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <string>

eddy::Task<const std::string&> name(const char*& text, const std::string& kept) {
#ifdef EDDY_COMPILE_OK
  co_return kept;
#else
  co_return text;
#endif
}
