// Parts of GoogleTest that tests use and that it lacks on Windows. Included before every test.
// SPDX-License-Identifier: MIT
#pragma once

#include <gtest/gtest.h>

namespace testing {

/// abort() of Windows' C library ends the process with 3: no signal can end a process there.
class KilledBySignal {
 public:
  explicit KilledBySignal(int) {}
  bool operator()(int status) const { return status == 3; }
};

}  // namespace testing
