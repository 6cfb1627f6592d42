// What macOS tells about threads. See ../threads.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <thread>

#include <mach/mach.h>
#include <pthread.h>

namespace eddy::test {

/// macOS counts the context switches of a process, not those of a thread.
inline constexpr bool kCountsSleeps = false;
inline long sleeps_of_this_thread() { return 0; }

using ThreadId = thread_act_t;

inline ThreadId this_thread_id() { return ::pthread_mach_thread_np(::pthread_self()); }

/// True if the thread sleeps in a system call, or waits for a lock.
inline bool is_asleep(ThreadId thread) {
  thread_basic_info info{};
  mach_msg_type_number_t size = THREAD_BASIC_INFO_COUNT;
  const kern_return_t told =
      ::thread_info(thread, THREAD_BASIC_INFO, reinterpret_cast<thread_info_t>(&info), &size);
  return told == KERN_SUCCESS && info.run_state == TH_STATE_WAITING;
}

/// Waits for a thread that stores its id in `thread` when it is about to sleep.
inline void wait_until_asleep(const std::atomic<ThreadId>& thread) {
  while (thread.load() == 0 || !is_asleep(thread.load())) std::this_thread::yield();
}

}  // namespace eddy::test
