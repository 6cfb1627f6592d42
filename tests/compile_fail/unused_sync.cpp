// expect warning: unused variable
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wunused-variable"

eddy::Task<> work(eddy::Mutex<int>& mutex, eddy::Semaphore& semaphore, eddy::RateLimiter& limiter,
                  eddy::Event& event) {
#ifndef EDDY_COMPILE_OK
  auto guard = mutex.lock();          // here
  auto permit = semaphore.acquire();  // here
  auto turn = limiter.acquire();      // here
  auto ended = event.wait();          // here
#endif
  auto locked = co_await mutex.lock();
  ++*locked;
  const auto taken = co_await semaphore.acquire();
  (void)taken;
  (void)co_await limiter.acquire();
  (void)co_await event.wait();
}

#pragma GCC diagnostic pop
