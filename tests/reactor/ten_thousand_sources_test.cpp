// Ten thousand sockets on one reactor, and the time that a poll takes.
// SPDX-License-Identifier: MIT
#include "eddy/platform/clock.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iostream>
#include <set>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::succeeded;

class TenThousandSources : public testing::Test {
 protected:
  /// Makes connections until there are `count`. Registers both ends for reading: the i-th client
  /// under the token 2 i, its server under 2 i + 1.
  void connect(std::size_t count) {
    while (pairs_.size() < count) {
      const Token token = 2 * pairs_.size();
      test::SocketPair pair;
      pair.client = test::connect_to(listener_.raw());
      test::spin_until_ready(listener_.raw(), Interest::readable);
      Result<Fd> server = sys::accept(listener_.raw(), nullptr);
      ASSERT_TRUE(succeeded(server)) << "after " << pairs_.size() << " connections";
      pair.server = std::move(*server);
      ASSERT_TRUE(
          succeeded(backend_.register_source(pair.client.raw(), token, Interest::readable)));
      ASSERT_TRUE(
          succeeded(backend_.register_source(pair.server.raw(), token + 1, Interest::readable)));
      pairs_.push_back(std::move(pair));
    }
  }

  /// Polls until `count` sources have become readable, and returns their tokens.
  std::multiset<Token> wait_for(std::size_t count) {
    std::multiset<Token> seen;
    while (seen.size() < count) {
      const Result<std::size_t> polled = backend_.poll(events_, 10s);
      EXPECT_TRUE(succeeded(polled));
      if (polled.value_or(0) == 0) return seen;
      for (const ReadyEvent& event : events_) {
        if (event.readable) seen.insert(event.token);
      }
    }
    return seen;
  }

  /// The time from sending a byte to its event, the best of many.
  Duration time_of_one_event() {
    Duration best = Duration::max();
    for (std::size_t i = 0; i < 50; ++i) {
      const test::SocketPair& pair = pairs_[i * 31 % pairs_.size()];
      const Instant start = Clock::now();
      test::send_text(pair.client.raw(), "x");
      EXPECT_EQ(wait_for(1).size(), 1U);
      best = std::min(best, Clock::now() - start);
      test::drain(pair.server.raw());
      EXPECT_TRUE(succeeded(rearm_if_needed(backend_, pair.server.raw(), Interest::readable)));
    }
    return best;
  }

  PlatformReactor backend_ = std::move(PlatformReactor::create().value());
  Events events_ = events_with_capacity(256);
  Fd listener_ = test::listen_on_loopback();
  std::vector<test::SocketPair> pairs_;
};

TEST_F(TenThousandSources, ReportTheReadyOnesAndNoOthers) {
  if (!test::can_open(10'100)) GTEST_SKIP() << "the limit of descriptors is too low";
  connect(5000);
  ASSERT_EQ(pairs_.size(), 5000U);
  EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);

  std::multiset<Token> expected;
  for (std::size_t i = 0; i < pairs_.size(); i += 97) {
    test::send_text(pairs_[i].client.raw(), "x");
    expected.insert(2 * i + 1);
  }
  EXPECT_EQ(wait_for(expected.size()), expected);
  EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);

  for (const test::SocketPair& pair : pairs_) {
    EXPECT_TRUE(succeeded(backend_.deregister(pair.client.raw())));
    EXPECT_TRUE(succeeded(backend_.deregister(pair.server.raw())));
  }
  test::send_text(pairs_[1].client.raw(), "x");
  test::spin_until_ready(pairs_[1].server.raw(), Interest::readable);
  EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
}

TEST_F(TenThousandSources, APollCostsOnlyAsMuchAsItsReadySources) {
  if (!test::can_open(10'100)) GTEST_SKIP() << "the limit of descriptors is too low";
  std::vector<Duration> curve;
  for (const std::size_t sources : {100U, 1000U, 10'000U}) {
    connect(sources / 2);
    ASSERT_EQ(pairs_.size(), sources / 2);
    curve.push_back(time_of_one_event());
    std::cout << "  " << sources << " sources: an event takes "
              << std::chrono::duration_cast<std::chrono::microseconds>(curve.back()).count()
              << " us\n";
  }
  // A hundred times the sources. A poll that looked at each would take a hundred times as long.
  EXPECT_LT(curve.back(), 10 * curve.front() + 100us);
}

}  // namespace
}  // namespace eddy
