// The tests that qemu-user cannot show: each is skipped as it runs, and says why. They run on a
// processor of that kind.
// SPDX-License-Identifier: MIT
#include "support/skipper.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

namespace {

using eddy::test::Skip;

// Two threads that run at once: each waits for the locks of qemu's translator (futex, by strace),
// and the kernel counts that as a sleep of the thread. With one thread the counts are right, and
// are checked.
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
