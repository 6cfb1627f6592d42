// SPDX-License-Identifier: MIT

#include "eddy/platform/clock.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/fatal.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/result.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <string>

namespace eddy {
namespace {

using namespace std::chrono_literals;

TEST(Interest, IsASet) {
  const Interest both = Interest::readable | Interest::writable;
  EXPECT_TRUE(both.contains(Interest::readable));
  EXPECT_TRUE(both.contains(Interest::writable));
  EXPECT_FALSE(both.contains(Interest::priority));
  EXPECT_FALSE(Interest::readable.contains(both));
  EXPECT_EQ(both | Interest::readable, both);
}

TEST(Interest, IsEmptyByDefault) {
  EXPECT_TRUE(Interest().empty());
  EXPECT_TRUE(Interest::none.empty());
  EXPECT_FALSE(Interest::priority.empty());
  EXPECT_TRUE(Interest::readable.contains(Interest::none));
}

TEST(Events, HaveRoomForAtLeastOne) {
  EXPECT_EQ(events_with_capacity(0).capacity(), 1U);
  EXPECT_EQ(events_with_capacity(16).capacity(), 16U);
}

TEST(Events, ClearKeepsTheRoom) {
  Events events = events_with_capacity(4);
  events.push(ReadyEvent{.token = 7, .readable = true});
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].token, 7U);
  events.clear();
  EXPECT_TRUE(events.empty());
  EXPECT_EQ(events.capacity(), 4U);
}

TEST(Clock, NeverGoesBack) {
  Instant last = Clock::now();
  for (int i = 0; i < 10'000; ++i) {
    const Instant now = Clock::now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Clock, AddingStopsAtTheEndOfTime) {
  const Instant start{Duration(1000)};
  EXPECT_EQ(detail::saturating_add(start, 5ns), Instant(Duration(1005)));
  EXPECT_EQ(detail::saturating_add(start, Duration::max()), Instant::max());
  EXPECT_EQ(detail::saturating_add(start, Instant::max() - start), Instant::max());
  EXPECT_EQ(detail::saturating_add(start, Instant::max() - start - 1ns), Instant::max() - 1ns);
  EXPECT_EQ(detail::saturating_add(start, 0ns), start);
  EXPECT_EQ(detail::saturating_add(start, -5ns), start);
  // The clock starts with the machine, so an earlier instant may lie before its zero.
  EXPECT_EQ(detail::saturating_add(Instant(-5s), 7s), Instant(2s));
  EXPECT_EQ(detail::saturating_add(Instant(-5s), Duration::max()), Instant(Duration::max() - 5s));
}

TEST(Error, ConvertsToAnErrorCodeWithAMessage) {
  const std::error_code error = Error::end_of_stream;
  EXPECT_EQ(error, Error::end_of_stream);
  EXPECT_NE(error, Error::bad_address);
  EXPECT_EQ(std::string(error.category().name()), "eddy");
  EXPECT_NE(error.message().find("stream ended"), std::string::npos);
  EXPECT_NE(make_error_code(Error::bad_address).message().find("127.0.0.1:80"), std::string::npos);
}

TEST(Error, OfAnUnknownNumberHasAMessageToo) {
  EXPECT_FALSE(error_category().message(12345).empty());
}

TEST(FatalDeathTest, PrintsWhatAndAborts) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(detail::fatal("the sky fell"), testing::KilledBySignal(SIGABRT),
              "eddy: the sky fell\n");
}

}  // namespace
}  // namespace eddy
