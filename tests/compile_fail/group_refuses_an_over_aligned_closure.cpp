// expect: with_group(body): a frame cannot hold what is aligned more strictly than max_align_t
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#ifdef EDDY_COMPILE_OK
struct Line {
#else
struct alignas(64) Line {
#endif
  char bytes[64];
};

eddy::Task<> run(Line line) {
  co_await eddy::with_group([line](eddy::TaskGroup&) -> eddy::Task<> {
    co_await eddy::sleep_for(line.bytes[0] * eddy::Duration(1));
  });
}
