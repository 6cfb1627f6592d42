// See ../processor_time.hpp.
// SPDX-License-Identifier: MIT
#pragma once

#include "support/windows/windows.hpp"

#include <chrono>
#include <cstdint>
#include <ratio>

namespace eddy::test {

/// The processor time that this thread has used, in the system's ticks.
inline std::chrono::microseconds processor_time_of_this_thread() {
  using FileTime = std::chrono::duration<std::int64_t, std::ratio<1, 10'000'000>>;
  const auto to_duration = [](const FILETIME& time) {
    return FileTime(static_cast<std::int64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime);
  };
  FILETIME created{};
  FILETIME exited{};
  FILETIME kernel{};
  FILETIME user{};
  ::GetThreadTimes(::GetCurrentThread(), &created, &exited, &kernel, &user);
  return std::chrono::duration_cast<std::chrono::microseconds>(to_duration(kernel) +
                                                               to_duration(user));
}

}  // namespace eddy::test
