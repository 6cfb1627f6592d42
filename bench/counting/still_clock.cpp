// A clock for programs whose instructions are counted. It stands in for libc's, and moves only as
// it is read, a microsecond each time. How often the loop looks up from its tasks follows how long
// they took, and on a busy machine, under callgrind, that is anything.
// SPDX-License-Identifier: MIT

#include <ctime>

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's names are reserved
extern "C" int clock_gettime(clockid_t /*clock*/, timespec* now) noexcept {
  constexpr long kStep = 1'000;
  static timespec reading{.tv_sec = 1, .tv_nsec = 0};
  reading.tv_nsec += kStep;
  if (reading.tv_nsec == 1'000'000'000) reading = {.tv_sec = reading.tv_sec + 1, .tv_nsec = 0};
  *now = reading;
  return 0;
}
