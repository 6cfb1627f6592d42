// How long a turn of the run loop may take, with a clock that only the test moves.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "fault/faulty_sys.hpp"
#include "support/bytes.hpp"
#include "support/run.hpp"
#include "support/sockets.hpp"
#include "support/tcp.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::TcpPair;

// A sleep counts from the end of the turn in which it began, so turns of slow tasks must become
// short. This holds even if one poll reports all of the tasks, and nothing else is ready after
// them.
TEST(TurnLength, ABurstOfSlowTasksDoesNotDelayASleepByTheWholeBurst) {
  const fault::ManualClock clock;
  test::run([]() -> Task<> {
    constexpr int kSockets = 100;
    constexpr Duration kWork = 600us;
    constexpr Duration kSleep = 200ms;  // ends after all tasks of the burst have run
    std::vector<std::unique_ptr<TcpPair>> pairs;
    int handled = 0;
    bool slept = false;
    Duration lateness{};
    const auto serve = [&](TcpStream& stream, bool sleeps) -> Task<> {
      std::array<std::byte, 8> buffer{};
      for (;;) {
        const Result<std::size_t> count = co_await stream.read(buffer);
        if (count.value_or(0) == 0) co_return;
        ++handled;
        if (sleeps) {
          const Instant start = Clock::now();
          co_await sleep_for(kSleep);
          lateness = Clock::now() - start - kSleep;
          slept = true;
        }
        fault::ManualClock::pass(kWork);
      }
    };
    std::vector<JoinHandle<void>> serving;
    for (int i = 0; i < kSockets; ++i) {
      pairs.push_back(std::make_unique<TcpPair>());
      serving.push_back(spawn(serve, std::ref(pairs.back()->server), i == 0));
    }
    // Quick tasks, until turns may be long again.
    for (int i = 0; i < 1000; ++i) co_await yield_now();

    for (int burst = 0; burst < 5; ++burst) {
      handled = 0;
      slept = false;
      for (auto& pair : pairs) EXPECT_TRUE(pair->client.try_write(test::bytes_of("x")));
      for (auto& pair : pairs) test::spin_until_ready(pair->server.raw(), Interest::readable);
      while (handled < kSockets || !slept) co_await sleep_for(1ms);
      if (burst == 0) {
        EXPECT_GE(lateness, kWork * (kSockets - 1)) << "the turn was not of all of them";
      } else {
        EXPECT_LT(lateness, 3ms) << "in burst " << burst;
      }
    }
    for (JoinHandle<void>& each : serving) each.abort();
    for (JoinHandle<void>& each : serving) EXPECT_FALSE((co_await each).has_value());
  });
}

}  // namespace
}  // namespace eddy
