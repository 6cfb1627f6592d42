// The tests that cannot pass on macOS: each is skipped, and says why.
// SPDX-License-Identifier: MIT
#include "support/skipper.hpp"

#include <array>
#include <string_view>

namespace {

using eddy::test::Skip;

constexpr std::string_view kNoSleepCount = "macOS does not count how often a thread sleeps";

constexpr auto kSkips = std::to_array<Skip>({
    {"AcceptPressure", "WithoutDescriptorsAndConnectionsItSleepsUntilOneComes", kNoSleepCount},
    {"Idle", "ConnectionsThatWaitWakeNobody", kNoSleepCount},
    {"RunLoop", "AnIdleLoopSleepsOnceUntilItIsWoken", kNoSleepCount},
    {"RunLoop", "AnIdleLoopWithSocketsAndFarTimersSleepsOnceToo", kNoSleepCount},
    {"RunLoop", "ASleepCostsOnePark", kNoSleepCount},
    {"RunLoop", "ABusyPollFindsWakesTimersAndSocketsWithoutSleeping", kNoSleepCount},
    {"RunLoop", "ABusyPollThatFindsNothingParks", kNoSleepCount},
    {"Sleep", "OfLessThanAMillisecondNeitherEndsEarlyNorSpins", kNoSleepCount},
    {"Sleep", "WakesTheProcessOnceWhenItEndsAndNotBefore", kNoSleepCount},
    {"Sleep", "ALoopWithNothingToDoIsNeverWoken", kNoSleepCount},
});

[[maybe_unused]] const bool added = eddy::test::skip_those_of(kSkips);

}  // namespace
