// The tests that cannot pass on Windows or Wine: each is skipped, and says why.
// SPDX-License-Identifier: MIT
#include "support/skipper.hpp"
#include "support/windows/windows.hpp"

#include <array>
#include <string_view>

namespace {

using eddy::test::Skip;

constexpr std::string_view kNoLimit = "Windows sets no limit on the number of sockets";
constexpr std::string_view kNoSleepCount = "Windows does not count how often a thread sleeps";

constexpr std::string_view kForgetsResets =
    "Wine gives 0 from recv after a reset that its server has seen";
constexpr std::string_view kNoKeepIdle = "Wine 8 has no TCP_KEEPIDLE";

bool in_wine() {
  return ::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr;
}

constexpr auto kSkips = std::to_array<Skip>({
    {"AcceptPressure", "WithoutDescriptorsTheOldestConnectionIsShedAndCounted", kNoLimit},
    {"AcceptPressure", "GoesOnWhenDescriptorsAreFreeAgain", kNoLimit},
    {"AcceptPressure", "EachOfManyConnectionsIsTurnedAway", kNoLimit},
    {"AcceptPressure", "WithoutAReserveItBacksOffAndDoesNotSpin", kNoLimit},
    {"AcceptPressure", "WithoutDescriptorsAndConnectionsItSleepsUntilOneComes", kNoLimit},
    {"AcceptPressure", "AnAcceptThatBacksOffEndsWithItsListener", kNoLimit},
    {"AcceptPressure", "AnAcceptThatBacksOffCanBeCancelled", kNoLimit},
    {"TcpConnect", "WithoutFreeDescriptorsIsAnError", kNoLimit},
    {"TcpListener", "BindWithoutFreeDescriptorsIsAnError", kNoLimit},
    {"TcpListener", "ReusePortLetsSeveralListen", "Windows has no SO_REUSEPORT"},
    {"TcpListener", "ReuseAddressBindsAlthoughConnectionsLinger",
     "connections that linger never keep a port of Windows"},
    {"TcpStreamTest", "WritingToADeadPeerIsAnErrorAndNeverASignal",
     "Windows says connection_reset each time, and broken_pipe after a local shutdown only"},
    {"TcpStreamTest", "AResetIsConnectionReset", kForgetsResets, in_wine},
    {"BufferPool", "AnErrorHoldsNoBuffer", kForgetsResets, in_wine},
    {"AcceptPressure", "AConnectionThatItsPeerResetFirstIsNoErrorOfTheListener", kForgetsResets,
     in_wine},
    {"TcpConnect", "IsResetOrRefusedIfTheListenerCloses", kForgetsResets, in_wine},
    {"Conduit", "AResetOfThePeerIsAnErrorOfTheFill", kForgetsResets, in_wine},
    {"TcpClosed", "TakesNothingFromAReadThatWaitsBesideIt", kForgetsResets, in_wine},
    {"TwoSources", "OfOneDescriptorOneIsRefused",
     "it depends on what was open before whether a second registration of a socket is refused"},
    {"EndsDeathTest", "ABlockOnAfterATaskHasCalledExitStopsTheProgramWithAMessage",
     "Windows ends what is of the thread after what is static"},
    {"Bell", "IsNeverFull", "200,000 rings are 600,000 sends, which take Wine minutes", in_wine},
    {"TenThousandSources", "APollCostsOnlyAsMuchAsItsReadySources",
     "Wine's server looks at every poll that is under way for each event", in_wine},
    {"TcpStreamTest", "OptionsAreReadAsTheyWereSet", kNoKeepIdle, in_wine},
    {"TcpConnect", "OptionsAreSetBeforeItConnects", kNoKeepIdle, in_wine},
    {"CompilerTraps", "OptionsThatAreDesignatedWhereACoroutineAwaitsArriveAsTheyAre", kNoKeepIdle,
     in_wine},
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
