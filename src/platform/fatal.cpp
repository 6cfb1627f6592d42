#include "eddy/platform/fatal.hpp"

#include "eddy/platform/sys.hpp"

#include <cstdlib>
#include <span>

namespace eddy::detail {

void warn(std::string_view what) noexcept {
  for (std::string_view part : {std::string_view("eddy: "), what, std::string_view("\n")}) {
    sys::write_to_stderr(std::as_bytes(std::span(part)));
  }
}

void fatal(std::string_view what) noexcept {
  warn(what);
  std::abort();
}

}  // namespace eddy::detail
