// The calls that a poll makes: their number follows the ready sources, not the registered ones.
// SPDX-License-Identifier: MIT
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "iocp/counted_calls.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::succeeded;

class CallsOfAPoll : public testing::Test {
 protected:
  void connect(std::size_t count) {
    while (pairs_.size() < count) {
      test::SocketPair pair;
      pair.client = test::connect_to(listener_.raw());
      test::spin_until_ready(listener_.raw(), Interest::readable);
      pair.server = std::move(sys::accept(listener_.raw(), nullptr).value());
      pairs_.push_back(std::move(pair));
    }
  }

  void watch_all() {
    for (const test::SocketPair& pair : pairs_) {
      const RawSource source = pair.server.raw();
      ASSERT_TRUE(succeeded(backend_.register_source(source, source, Interest::readable)));
    }
  }

  /// Makes the first `ready` sources readable. No poll comes before they are.
  void send(std::size_t ready) {
    for (const test::SocketPair& pair : std::span(pairs_).first(ready)) {
      test::send_text(pair.client.raw(), "x");
      test::spin_until_ready(pair.server.raw(), Interest::readable);
    }
  }

  void take_and_rearm(std::size_t ready) {
    std::array<std::byte, 8> bytes;
    for (const test::SocketPair& pair : std::span(pairs_).first(ready)) {
      EXPECT_EQ(sys::receive(pair.server.raw(), bytes).value(), 1U);
      EXPECT_TRUE(succeeded(backend_.rearm(pair.server.raw(), Interest::readable)));
    }
  }

  Fd listener_ = test::listen_on_loopback();
  std::vector<test::SocketPair> pairs_;  // must outlive the backend
  PlatformReactor backend_ = std::move(PlatformReactor::create().value());
  Events events_ = events_with_capacity(256);
};

TEST_F(CallsOfAPoll, AreOneForEachSourceThatIsNewAndOneToWait) {
  connect(100);
  watch_all();
  EXPECT_EQ(test::take_calls(), test::Calls()) << "a registration alone needs none";
  EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
  const test::Calls calls = test::take_calls();
  EXPECT_EQ(calls.starts, 100U);
  EXPECT_EQ(calls.waits, 1U);
  EXPECT_EQ(calls.cancels, 0U);
}

TEST_F(CallsOfAPoll, AreOneIfNothingHasChanged) {
  for (const std::size_t sources : {10U, 1000U}) {
    connect(sources);
    backend_ = std::move(PlatformReactor::create().value());
    watch_all();
    EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
    test::take_calls();
    EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
    const test::Calls calls = test::take_calls();
    EXPECT_EQ(calls.starts, 0U);
    EXPECT_EQ(calls.waits, 1U);
    EXPECT_EQ(calls.cancels, 0U);
  }
}

TEST_F(CallsOfAPoll, AreOneForEachSourceThatWasReadyHoweverManyAreRegistered) {
  constexpr std::size_t kReady = 4;
  constexpr std::size_t kRounds = 20;
  for (const std::size_t sources : {10U, 100U, 1000U}) {
    connect(sources);
    backend_ = std::move(PlatformReactor::create().value());
    watch_all();
    EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
    test::take_calls();
    std::size_t polls = 0;
    for (std::size_t i = 0; i < kRounds; ++i) {
      send(kReady);
      for (std::size_t seen = 0; seen < kReady; seen += events_.size(), ++polls) {
        ASSERT_NE(backend_.poll(events_, 10s).value_or(0), 0U);
      }
      take_and_rearm(kReady);
    }
    const test::Calls calls = test::take_calls();
    // The next poll would bring to the kernel what the last round armed, but there is none.
    EXPECT_EQ(calls.starts, (kRounds - 1) * kReady) << sources << " sources";
    EXPECT_EQ(calls.waits, polls) << sources << " sources";
    EXPECT_EQ(calls.cancels, 0U) << sources << " sources";
    RecordProperty("polls_of_" + std::to_string(sources), std::to_string(polls));
  }
}

TEST_F(CallsOfAPoll, AChangeOfInterestCancelsOnePollAndStartsAnother) {
  connect(1);
  watch_all();
  EXPECT_EQ(backend_.poll(events_, 0ns).value(), 0U);
  test::take_calls();
  const RawSource source = pairs_[0].server.raw();
  ASSERT_TRUE(succeeded(backend_.reregister(source, 7, Interest::writable)));
  EXPECT_EQ(test::take_calls(), test::Calls()) << "changes are gathered";
  ASSERT_EQ(backend_.poll(events_, 10s).value(), 1U);
  EXPECT_EQ(events_[0].token, 7U);
  const test::Calls calls = test::take_calls();
  EXPECT_EQ(calls.cancels, 1U);
  EXPECT_EQ(calls.starts, 1U);
}

}  // namespace
}  // namespace eddy
