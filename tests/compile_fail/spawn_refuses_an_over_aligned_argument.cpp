// expect: a frame cannot hold what is aligned more strictly than max_align_t
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#ifdef EDDY_COMPILE_OK
struct Line {
#else
struct alignas(64) Line {
#endif
  char bytes[64];
};

eddy::Task<> use(const Line&) { co_return; }

void start() { eddy::spawn(use, Line()).detach(); }
