// What a test needs from the run loop of its thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/worker/worker.hpp"

#include "support/descriptors.hpp"

#include <cstddef>

namespace eddy::test {

/// As `count_descriptors`. First opens the descriptors that the run loop opens at its first use, so
/// that each call counts them.
inline std::size_t count_descriptors_with_loop() {
  detail::Worker::current();
  return count_descriptors();
}

}  // namespace eddy::test
