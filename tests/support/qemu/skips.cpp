// The tests that cannot pass under qemu-user: each is skipped, and says why. They run on a real
// processor of that kind.
// SPDX-License-Identifier: MIT
#include "support/skipper.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

namespace {

using eddy::test::Skip;

// With two threads, each waits for the locks of qemu's translator (strace shows futex), and the
// kernel counts these waits as sleeps of the thread. With one thread the counts are right, and the
// tests check them.
constexpr std::string_view kSleepsOfQemu =
    "qemu's own locks put the thread to sleep beside another one";

constexpr auto kSkips = std::to_array<Skip>({
    {"DeathTest", "", "qemu-user cannot start the program again, which the test does"},
    {"NoEpollPwait2", "", "qemu-user takes no filter of calls, and has no epoll_pwait2 anyway"},
    {"RunLoop", "ABusyPollFindsWakesTimersAndSocketsWithoutSleeping", kSleepsOfQemu},
    {"RunLoop", "ABusyPollThatFindsNothingParks", kSleepsOfQemu},
    {"RunLoop", "AnIdleLoopSleepsOnceUntilItIsWoken", kSleepsOfQemu},
    {"RunLoop", "AnIdleLoopWithSocketsAndFarTimersSleepsOnceToo", kSleepsOfQemu},
    {"Sleep", "ALoopWithNothingToDoIsNeverWoken", kSleepsOfQemu},
});

[[maybe_unused]] const bool added =
    std::getenv("EDDY_EMULATOR") != nullptr && eddy::test::skip_those_of(kSkips);

}  // namespace
