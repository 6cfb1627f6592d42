// Windows interrupts no system call. See ../interrupt_storm.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

namespace eddy::test {

class InterruptStorm {
 public:
  static constexpr bool kPossible = false;

  explicit InterruptStorm(std::chrono::microseconds) {}
  int count() const { return 1'000'000; }
};

}  // namespace eddy::test
