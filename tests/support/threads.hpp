// Watches other threads, and counts how often this one was woken.
// SPDX-License-Identifier: MIT
#pragma once

#ifdef _WIN32
#include "support/windows/threads.hpp"
#elif defined(__APPLE__)
#include "support/macos/threads.hpp"
#else

#include <atomic>
#include <fstream>
#include <string>
#include <thread>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace eddy::test {

/// How often this thread has gone to sleep. An idle loop must sleep only once.
inline constexpr bool kCountsSleeps = true;
inline long sleeps_of_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

using ThreadId = pid_t;

inline ThreadId this_thread_id() { return static_cast<pid_t>(::syscall(SYS_gettid)); }

/// True if the thread sleeps in a system call, or waits for a lock.
inline bool is_asleep(ThreadId thread) {
  std::ifstream stat("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(stat, text);
  const std::size_t name_end = text.rfind(')');
  return name_end != std::string::npos && text.compare(name_end, 3, ") S") == 0;
}

/// Waits for a thread that stores its id in `thread` when it is about to sleep.
inline void wait_until_asleep(const std::atomic<ThreadId>& thread) {
  while (thread.load() == 0 || !is_asleep(thread.load())) std::this_thread::yield();
}

}  // namespace eddy::test

#endif
