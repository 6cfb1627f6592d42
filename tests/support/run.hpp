// Runs the coroutine of a test.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/task/block_on.hpp"

namespace eddy::test {

/// Runs the coroutine `f()` to its end; `f` may capture, for it outlives the coroutine.
template <class F>
auto run(F f) {
  return block_on(f());
}

}  // namespace eddy::test
