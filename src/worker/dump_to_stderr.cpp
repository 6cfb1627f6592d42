// In a file of its own, which is compiled with all debug information in every build: without it gdb
// does not know the namespace, nor what the function returns, and refuses to call it.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"
#include "eddy/worker/dump.hpp"

#include <span>
#include <string>

namespace eddy {

void dump_tasks_to_stderr() {
  std::string text;
  dump_tasks([&](std::string_view line) {
    text += "eddy: ";
    text += line;
    text += '\n';
  });
  // At once, so that what other threads write is not in between.
  sys::write_to_stderr(std::as_bytes(std::span(text)));
}

}  // namespace eddy
