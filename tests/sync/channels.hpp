// What the tests of channels have in common.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/sync/channel.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/waker.hpp"

#include "sync/lives.hpp"

#include <type_traits>
#include <vector>

namespace eddy::test {

/// Lets the other tasks of this thread run to their next waits.
inline Task<> let_others_run() {
  for (int i = 0; i < 4; ++i) co_await yield_now();
}

/// The numbers of all values that can be received now.
template <class T>
std::vector<int> drain(Receiver<T>& receiver) {
  std::vector<int> numbers;
  while (auto value = receiver.try_receive()) {
    if constexpr (std::is_same_v<T, Value>) {
      numbers.push_back(value->number());
    } else {
      numbers.push_back(*value);
    }
  }
  return numbers;
}

}  // namespace eddy::test
