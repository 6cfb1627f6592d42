// What tests use of GoogleTest and it does not have on Windows. Included before every test.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

namespace testing {

/// abort() of the C library of Windows ends the process with 3; there are no signals to die of.
class KilledBySignal {
 public:
  explicit KilledBySignal(int) {}
  bool operator()(int status) const { return status == 3; }
};

}  // namespace testing
