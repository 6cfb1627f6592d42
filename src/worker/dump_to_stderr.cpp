// This file is compiled with full debug information in every build. Without it gdb knows neither
// the namespace nor the return type of the function, and refuses to call it.
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
  // In one write, so that no line of another thread comes in between.
  sys::write_to_stderr(std::as_bytes(std::span(text)));
}

}  // namespace eddy
