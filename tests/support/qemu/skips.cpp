// The tests that qemu-user cannot show: each is skipped as it runs, and says why. They run on a
// processor of that kind.
#include "support/skipper.hpp"

#include <array>
#include <cstdlib>
#include <string_view>

namespace {

using eddy::test::Skip;

constexpr auto kSkips = std::to_array<Skip>({
    {"DeathTest", "", "qemu-user cannot start the program again, which the test does"},
    {"RunLoop", "ABusyPollFindsWakesTimersAndSocketsWithoutSleeping",
     "qemu's own locks put the thread to sleep while another one starts"},
});

[[maybe_unused]] const bool added =
    std::getenv("EDDY_EMULATOR") != nullptr && eddy::test::skip_those_of(kSkips);

}  // namespace
