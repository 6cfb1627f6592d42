// What Windows tells about threads. See ../threads.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include "support/windows/windows.hpp"

#include <atomic>
#include <thread>

namespace eddy::test {

/// Windows has no documented count of a thread's context switches.
inline constexpr bool kCountsSleeps = false;
inline long sleeps_of_this_thread() { return 0; }

using ThreadId = DWORD;

inline ThreadId this_thread_id() { return ::GetCurrentThreadId(); }

/// Windows does not tell whether another thread sleeps. So the test shows whatever came first.
inline void wait_until_asleep(const std::atomic<ThreadId>& thread) {
  while (thread.load() == 0) std::this_thread::yield();
}

}  // namespace eddy::test
