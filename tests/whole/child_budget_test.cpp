// Tasks that await children which never wait: they must still let other tasks run.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

/// Works for `length`, measured by the loop's clock, and never waits.
Task<int> work(Duration length) {
  const Instant end = Clock::now() + length;
  while (Clock::now() < end) continue;
  co_return 1;
}

TEST(ChildBudget, ALoopOverChildrenThatNeverWaitLetsASleepIn) {
  bool over = false;
  long children = 0;
  run([&]() -> Task<> {
    const auto loop = [&]() -> Task<> {
      while (!over) children += co_await work(0ns);
    };
    const auto end = [&]() -> Task<> {
      co_await sleep_for(1ms);
      over = true;
    };
    co_await when_all(loop(), end());
  });
  EXPECT_GT(children, 0);
}

TEST(ChildBudget, ALoopOverChildrenThatNeverWaitLetsASocketIn) {
  run([&]() -> Task<> {
    Result<TcpListener> listener = TcpListener::bind(SocketAddress::loopback(0));
    bool accepted = false;
    const auto loop = [&]() -> Task<> {
      while (!accepted) co_await work(0ns);
    };
    const auto accept = [&]() -> Task<> {
      EXPECT_TRUE((co_await listener->accept()).has_value());
      accepted = true;
    };
    const auto connect = [&]() -> Task<> {
      auto address = listener->local_address();
      EXPECT_TRUE((co_await TcpStream::connect(*address)).has_value());
    };
    co_await when_all(accept(), connect(), loop());
    EXPECT_TRUE(accepted);
  });
}

TEST(ChildBudget, ChildrenAwaitedWithOkLetASleepIn) {
  bool over = false;
  const auto child = []() -> Task<Result<int>> { co_return 1; };
  const auto loop = [&]() -> Task<Result<>> {
    while (!over) (void)co_await ok(child());
    co_return {};
  };
  run([&]() -> Task<> {
    const auto end = [&]() -> Task<> {
      co_await sleep_for(1ms);
      over = true;
    };
    co_await when_all(loop(), end());
  });
  EXPECT_TRUE(over);
}

// Counts children, not time, because the machine may do other work meanwhile.
TEST(ChildBudget, FewerSlowChildrenRunBetweenTwoLooks) {
  int since_look = 0;
  int most = 0;
  run([&]() -> Task<> {
    bool done = false;
    const auto loop = [&]() -> Task<> {
      while (!done) {
        co_await work(200us);
        most = std::max(most, ++since_look);
      }
    };
    const auto other = [&]() -> Task<> {
      for (int i = 0; i < 50; ++i) {
        since_look = 0;
        co_await yield_now();
      }
      done = true;
    };
    co_await when_all(loop(), other());
  });
  EXPECT_LE(most, detail::kChildren + 1);  // plus the one that was put off
}

TEST(ChildBudget, ATaskCancelledBeforeAChildThatWasPutOffRunsNothingOfIt) {
  Tally tally;
  long started = 0;
  run([&]() -> Task<> {
    const auto child = [&](Guard) -> Task<> {
      ++started;
      co_return;
    };
    const auto loop = [&]() -> Task<> {
      for (;;) co_await child(Guard(tally));
    };
    JoinHandle<void> looping = spawn(loop);
    co_await yield_now();  // runs again only after a child was put off
    const long before = started;
    looping.abort();
    (void)co_await looping;
    EXPECT_EQ(started, before);
  });
  EXPECT_GT(started, 0);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(ChildBudget, AChildOfABranchIsPutOffTooAndGivesItsResult) {
  run([&]() -> Task<> {
    long sum = 0;
    const auto many = [&]() -> Task<long> {
      long own = 0;
      for (int i = 0; i < 100'000; ++i) own += co_await work(0ns);
      co_return own;
    };
    sum += (co_await timeout(1h, many())).value();
    const auto [one, two] = co_await when_all(many(), many());
    sum += one + two;
    EXPECT_EQ(sum, 300'000);
  });
}

}  // namespace
}  // namespace eddy
