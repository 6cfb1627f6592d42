// expect: the guard unlocks: auto guard = co_await mutex.lock()
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <mutex>

void work(eddy::Mutex<int>& mutex, eddy::BlockingMutex<>& blocking) {
#ifndef EDDY_COMPILE_OK
  const std::lock_guard guard(mutex);
#endif
  const std::lock_guard right(blocking);
}
