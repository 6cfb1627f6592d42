// What an example is expected to have done.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdio>
#include <cstdlib>
#include <source_location>

/// Ends the program, with words, unless `holds`.
inline void expect(bool holds, const char* what,
                   std::source_location here = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: it is not so that %s\n", here.file_name(),
               static_cast<unsigned>(here.line()), what);
  std::exit(1);
}
