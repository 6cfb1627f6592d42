// Counts the calls of which a poll is made: the linker puts a counter in front of each function
// (tests/CMakeLists.txt).
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace eddy::test {

struct Calls {
  std::size_t waits = 0;    ///< GetQueuedCompletionStatusEx
  std::size_t starts = 0;   ///< NtDeviceIoControlFile: a poll of the driver
  std::size_t cancels = 0;  ///< NtCancelIoFileEx

  friend bool operator==(const Calls&, const Calls&) = default;
};

/// The number of calls since the last call of this function.
Calls take_calls();

}  // namespace eddy::test
