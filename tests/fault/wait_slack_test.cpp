// A kernel may prolong a wait, to wake for several things at once. Timers must still be on time.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstddef>
#include <thread>

namespace eddy {
namespace {

using namespace std::chrono_literals;

constexpr WaitSlack kOfLinux{50us, 1000, 100ms};
constexpr Duration kTick = 33us;

struct Slept {
  Duration lateness;
  std::size_t waits;
};

/// Sleeps on a new thread, whose kernel says that it may prolong waits, and does so or not.
Slept slept_by(Duration length, bool prolongs) {
  Slept slept{};
  std::thread([&] {
    const fault::ManualClock clock;
    fault::ManualClock::set_slack(kOfLinux, prolongs);
    block_on([](Duration wanted, Slept& result) -> Task<> {
      fault::reset_counts();
      const Instant start = Clock::now();
      co_await sleep_for(wanted);
      result.lateness = Clock::now() - start - wanted;
      result.waits = fault::count_of(fault::Call::epoll_wait);
    }(length, slept));
  }).join();
  return slept;
}

constexpr Duration kLengths[] = {1us, 40us, 60us, 110us, 1ms, 60ms, 1s, 4s, 100s, 1h, 300h};

TEST(WaitSlack, ASleepIsOnTimeInOneWaitIfTheKernelAddsItsSlack) {
  for (const Duration length : kLengths) {
    const Slept slept = slept_by(length, true);
    EXPECT_GE(slept.lateness, 0ns) << length.count();
    // Short waits are not made shorter.
    const bool shortened = length + kTick > 10 * kOfLinux.least;
    EXPECT_LE(slept.lateness, kTick + (shortened ? 1us : kOfLinux.least)) << length.count();
    EXPECT_EQ(slept.waits, 1U) << length.count();
  }
}

TEST(WaitSlack, ASleepIsOnTimeInFewWaitsIfTheKernelAddsNoSlack) {
  for (const Duration length : kLengths) {
    const Slept slept = slept_by(length, false);
    EXPECT_GE(slept.lateness, 0ns) << length.count();
    EXPECT_LE(slept.lateness, kTick) << length.count();
    EXPECT_LE(slept.waits, 6U) << length.count();
  }
}

}  // namespace
}  // namespace eddy
