// The processor time of a thread, in which a busy loop would show.
// SPDX-License-Identifier: MIT
#pragma once

#ifdef _WIN32
#include "support/windows/processor_time.hpp"
#else

#include <chrono>
#include <ctime>

namespace eddy::test {

/// The processor time that this thread has used.
inline std::chrono::microseconds processor_time_of_this_thread() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec));
}

}  // namespace eddy::test

#endif
