// expect: the predicate gets the value: [](const T& value) { return ...; }
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include <utility>

bool positive(int value) { return value > 0; }

eddy::Task<> work(eddy::Condition& condition, eddy::Mutex<int>& mutex, bool& ready) {
  auto guard = co_await mutex.lock();
#ifndef EDDY_COMPILE_OK
  auto holds = [&ready] { return ready; };
  (void)co_await condition.wait(std::move(guard), holds);
#endif
  (void)ready;
  (void)co_await condition.wait(std::move(guard), positive);
}
