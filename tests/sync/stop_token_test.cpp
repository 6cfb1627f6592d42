// Stop requests, from tasks and from other threads.
// SPDX-License-Identifier: MIT
#include "eddy/sync/stop_token.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;

Task<> count_when_stopped(StopToken token, int& count) {
  co_await token.stopped();
  EXPECT_TRUE(token.stop_requested());
  ++count;
}

TEST(StopToken, EndsEveryWaitWhenAStopIsRequested) {
  run([]() -> Task<> {
    StopSource source;
    int count = 0;
    JoinHandle<> first = spawn(count_when_stopped, source.token(), std::ref(count));
    JoinHandle<> second = spawn(count_when_stopped, source.token(), std::ref(count));
    co_await yield_now();
    EXPECT_EQ(count, 0);
    EXPECT_FALSE(source.token().stop_requested());
    EXPECT_TRUE(source.request_stop());
    EXPECT_FALSE(source.request_stop());
    EXPECT_EQ(count, 0);
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(count, 2);
    co_await source.token().stopped();
  });
}

TEST(StopToken, WaitsForEverWithoutASource) {
  run([]() -> Task<> {
    EXPECT_FALSE(StopToken().stop_requested());
    EXPECT_TRUE(
        failed_with(co_await timeout(1ms, StopToken().stopped()), Error::deadline_exceeded));
    std::optional<StopSource> source(std::in_place);
    const StopToken token = source->token();
    source.reset();
    EXPECT_TRUE(failed_with(co_await timeout(1ms, token.stopped()), Error::deadline_exceeded));
  });
}

TEST(StopToken, KeepsARequestForTheNextWaitIfOneIsCancelled) {
  run([]() -> Task<> {
    StopSource source;
    int count = 0;
    JoinHandle<> waits = spawn(count_when_stopped, source.token(), std::ref(count));
    JoinHandle<> woken = spawn(count_when_stopped, source.token(), std::ref(count));
    co_await yield_now();
    waits.abort();
    EXPECT_TRUE((co_await waits).error().is_cancelled());
    source.request_stop();
    woken.abort();  // it has been woken, and has not run
    EXPECT_TRUE((co_await woken).error().is_cancelled());
    EXPECT_EQ(count, 0);
    co_await source.token().stopped();
  });
}

TEST(StopToken, EndsABranchAndSoTheWorkBesideIt) {
  run([]() -> Task<> {
    StopSource source;
    JoinHandle<> stops = spawn([&]() -> Task<> {
      co_await yield_now();
      source.request_stop();
    });
    const auto first = co_await when_any(sleep_for(1h), source.token().stopped());
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE((co_await stops).has_value());
  });
}

TEST(StopToken, LetsOthersRunInALoopThatAsksItAgainAndAgain) {
  run([]() -> Task<> {
    StopSource source;
    source.request_stop();
    bool other_ran = false;
    JoinHandle<> other = spawn([&]() -> Task<> {
      other_ran = true;
      co_return;
    });
    for (int i = 0; i < 1000; ++i) co_await source.token().stopped();
    EXPECT_TRUE(other_ran);
    (void)co_await other;
  });
}

TEST(StopSource, OfAPartIsStoppedWithTheWhole) {
  run([]() -> Task<> {
    StopSource whole;
    StopSource part(whole.token());
    StopSource other(whole.token());
    other.request_stop();
    EXPECT_FALSE(whole.stop_requested());
    EXPECT_FALSE(part.stop_requested());
    int count = 0;
    JoinHandle<> waits = spawn(count_when_stopped, part.token(), std::ref(count));
    co_await yield_now();
    whole.request_stop();
    EXPECT_TRUE((co_await waits).has_value());
    EXPECT_TRUE(StopSource(whole.token()).stop_requested());
  });
}

TEST(StopSource, OfAPartMayGoBeforeTheWhole) {
  StopSource whole;
  StopToken token;
  {
    const StopSource part(whole.token());
    token = part.token();
  }
  whole.request_stop();
  EXPECT_FALSE(token.stop_requested());
}

TEST(StopSource, CallsTheStandardCallbacksOfItsTokens) {
  StopSource source;
  bool called = false;
  const std::stop_callback callback(source.token().std_token(), [&] { called = true; });
  source.request_stop();
  EXPECT_TRUE(called);
  called = false;
  const std::stop_callback late(source.token().std_token(), [&] { called = true; });
  EXPECT_TRUE(called);
}

TEST(StopSource, OfAPartOfAPartIsStoppedWithTheWhole) {
  StopSource whole;
  const StopSource part(whole.token());
  const StopSource smaller(part.token());
  bool called = false;
  const std::stop_callback callback(smaller.token().std_token(), [&] { called = true; });
  whole.request_stop();
  EXPECT_TRUE(smaller.stop_requested());
  EXPECT_TRUE(called);
}

TEST(StopSource, OfAPartOfNothingIsStoppedAlone) {
  StopSource part{StopToken()};
  EXPECT_FALSE(part.stop_requested());
  EXPECT_TRUE(part.request_stop());
  EXPECT_TRUE(part.stop_requested());
}

TEST(StopSource, MayGoOnceItHasWokenATask) {
  run([]() -> Task<> {
    std::optional<StopSource> source(std::in_place);
    int count = 0;
    JoinHandle<> waits = spawn(count_when_stopped, source->token(), std::ref(count));
    co_await yield_now();
    source->request_stop();
    source.reset();
    EXPECT_TRUE((co_await waits).has_value());
    EXPECT_EQ(count, 1);
  });
}

TEST(StopToken, TellsWhatTheStandardTokenTellsThatItIsMadeOf) {
  EXPECT_FALSE(StopToken(std::stop_token()).stop_requested());
  EXPECT_FALSE(StopToken().std_token().stop_possible());
  std::stop_source source;
  const StopToken early = source.get_token();
  const StopToken unused = source.get_token();
  EXPECT_FALSE(early.stop_requested());
  EXPECT_EQ(early.std_token(), source.get_token());
  const StopSource part(early);
  source.request_stop();
  EXPECT_TRUE(early.stop_requested());
  EXPECT_TRUE(part.stop_requested());
  EXPECT_TRUE(StopToken(source.get_token()).stop_requested());
}

TEST(StopToken, MayBeDestroyedBeforeTheStandardSource) {
  std::stop_source source;
  (void)StopToken(source.get_token());
  EXPECT_TRUE(source.request_stop());
}

TEST(StopToken, WakesALoopThatSleepsFromAnotherThread) {
  StopSource source;
  std::atomic<test::ThreadId> sleeper = 0;
  int seen = 0;
  int written = 0;
  const std::jthread other([&] {
    test::wait_until_asleep(sleeper);
    written = 1;
    source.request_stop();
  });
  run([&]() -> Task<> {
    sleeper = test::this_thread_id();
    co_await source.token().stopped();
    seen = written;
  });
  EXPECT_EQ(seen, 1);
}

TEST(StopToken, OfAJthreadEndsItsLoop) {
  for (int round = 0; round < 200; ++round) {
    std::atomic<bool> began = false;
    bool ended = false;
    {
      const std::jthread server([&](const std::stop_token& asked) {
        run([&]() -> Task<> {
          const StopToken stop = asked;
          began = true;
          co_await stop.stopped();
          ended = true;
        });
      });
      while (!began) std::this_thread::yield();
    }
    ASSERT_TRUE(ended);
  }
}

TEST(StopToken, MayBeRequestedWhileOtherThreadsBeginAndCancelWaits) {
  constexpr int kRounds = 100;
  constexpr std::size_t kThreads = 3;
  std::array<std::atomic<int>, kThreads> at_round{};
  std::array<std::unique_ptr<StopSource>, kRounds> sources;
  for (auto& source : sources) source = std::make_unique<StopSource>();
  std::array<std::jthread, kThreads> threads;
  for (std::size_t id = 0; id < kThreads; ++id) {
    threads[id] = std::jthread([&, id] {
      run([&]() -> Task<> {
        for (int round = 0; round < kRounds; ++round) {
          const StopToken token = sources[static_cast<std::size_t>(round)]->token();
          at_round[id] = round + 1;
          // Waits that are cancelled soon, until one is not.
          for (bool stopped = false; !stopped;) {
            const auto first = co_await when_any(token.stopped(), yield_now());
            stopped = first.index() == 0;
          }
          co_await token.stopped();
        }
      });
    });
  }
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t id = 0; id < kThreads; ++id) {
      while (at_round[id] <= round) std::this_thread::yield();
    }
    sources[static_cast<std::size_t>(round)]->request_stop();
  }
}

}  // namespace
}  // namespace eddy
