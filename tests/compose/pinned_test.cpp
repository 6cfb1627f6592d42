// Branches that go on from one when_any to the next, and a fair choice among ready ones.
// SPDX-License-Identifier: MIT
#include "eddy/compose/pinned.hpp"

#include "eddy/compose/shield.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::failed_with;
using test::Guard;
using test::run;
using test::Tally;

Task<int> after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<int> throws_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a pinned task");
}

Task<Result<int>> never(Guard) {
  co_await suspend();
  co_return 0;
}

TEST(Pinned, GoesOnWhenAnotherBranchIsFirst) {
  run([]() -> Task<> {
    int starts = 0;
    auto work = [&]() -> Task<std::unique_ptr<int>> {
      ++starts;
      co_return std::make_unique<int>(co_await after(10, 7));
    };
    Pinned working(work());
    int rounds = 0;
    std::unique_ptr<int> got;
    while (got == nullptr) {
      ++rounds;
      auto first = co_await when_any(working, yield_now());
      if (first.index() == 0) got = std::get<0>(std::move(first));
    }
    EXPECT_EQ(*got, 7);
    EXPECT_EQ(starts, 1);
    EXPECT_GT(rounds, 3);
    EXPECT_TRUE(working.empty());
  });
}

TEST(Pinned, StartsWhenItIsMadeAndWhatIsReadyThenWinsTheNextRound) {
  run([]() -> Task<> {
    Pinned ready(after(0, 1));
    EXPECT_TRUE(ready.ended());
    for (int i = 0; i < 1000; ++i) {
      const auto first = co_await when_any(ready, yield_now());
      EXPECT_EQ(first.index(), 0U) << i;
      EXPECT_TRUE(ready.empty());
      ready.set(after(0, i));
    }
  });
}

TEST(Pinned, ThatEndsBetweenTheRoundsWakesNobodyAndIsFoundAtOnce) {
  run([]() -> Task<> {
    Pinned working(after(2, 5));
    const auto lost = co_await when_any(working, yield_now());
    EXPECT_EQ(lost.index(), 1U);
    const Waker self = co_await current_waker();
    bool woken_by_other = false;
    auto wake_later = [&]() -> Task<> {
      static_cast<void>(co_await after(10, 0));
      woken_by_other = true;
      self.wake();
    };
    const JoinHandle<void> waking = spawn(wake_later);
    co_await suspend();
    EXPECT_TRUE(woken_by_other);
    EXPECT_TRUE(working.ended());
    EXPECT_FALSE(working.empty());
    bool later_ran = false;
    auto later = [&]() -> Task<> {
      later_ran = true;
      co_return;
    };
    const auto first = co_await when_any(working, later());
    EXPECT_EQ(first.index(), 0U);
    EXPECT_FALSE(later_ran);
  });
}

TEST(Pinned, WinsIfItEndsBeforeABranchThatWasWokenLater) {
  run([]() -> Task<> {
    std::optional<Waker> pinned_waker;
    std::optional<Waker> other_waker;
    auto wait = [](std::optional<Waker>& waker) -> Task<> {
      waker.emplace(co_await current_waker());
      co_await suspend();
    };
    auto wake_both = [&]() -> Task<> {
      while (!pinned_waker || !other_waker) co_await yield_now();
      pinned_waker->wake();
      other_waker->wake();
    };
    Pinned pinned(wait(pinned_waker));
    const JoinHandle<void> waking = spawn(wake_both);
    const auto first = co_await when_any(wait(other_waker), pinned);
    EXPECT_EQ(first.index(), 1U);
  });
}

TEST(Pinned, IsAwaitedAloneAndByTheOtherCombinators) {
  run([]() -> Task<> {
    Pinned<int> pinned;
    EXPECT_TRUE(pinned.empty());
    pinned.set(after(3, 1));
    EXPECT_EQ(co_await pinned, 1);

    std::optional<Waker> waker;
    auto wait = [&]() -> Task<int> {
      waker.emplace(co_await current_waker());
      co_await suspend();
      co_return 2;
    };
    pinned.set(wait());
    const Result<int> late = co_await timeout(1ms, pinned);
    EXPECT_TRUE(failed_with(late, Error::deadline_exceeded));
    waker->wake();
    const Result<int> in_time = co_await timeout(1h, pinned);
    EXPECT_EQ(in_time, 2);

    pinned.set(after(2, 3));
    const auto all = co_await when_all(pinned, after(1, 4));
    EXPECT_EQ(all, std::tuple(3, 4));
  });
}

TEST(Pinned, GivesReferencesAndNothing) {
  run([]() -> Task<> {
    int target = 0;
    auto refer = [&]() -> Task<int&> {
      co_await yield_now();
      co_return target;
    };
    Pinned reference(refer());
    static_assert(std::is_same_v<decltype(reference), Pinned<int&>>);
    EXPECT_EQ(&co_await reference, &target);
    Pinned sleeping(sleep_for(1ms));
    static_assert(std::is_same_v<decltype(sleeping), Pinned<void>>);
    const auto first = co_await when_any(sleeping, sleep_for(1h));
    EXPECT_EQ(first.index(), 0U);
  });
}

TEST(Pinned, ThrowsWhatItsTaskThrewAndIsEmptyThen) {
  run([]() -> Task<> {
    for (const int turns : {0, 3}) {
      Pinned failing(throws_after(turns));
      EXPECT_THROW(co_await when_any(failing, sleep_for(1h)), std::runtime_error);
      EXPECT_TRUE(failing.empty());
    }
  });
}

TEST(Pinned, ReportsAnExceptionThatNobodyHasTaken) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> {
    Pinned failing(throws_after(0));
    failing.set(after(0, 1));
    co_return;
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("nobody received an exception of the task spawned at"), std::string::npos);
  EXPECT_NE(said.find("pinned_test.cpp"), std::string::npos) << said;
}

TEST(Pinned, CancelsWhatRunsAtItsEndAtResetAndAtSet) {
  run([]() -> Task<> {
    Tally tally;
    {
      Pinned waiting(never(Guard(tally)));
      EXPECT_EQ(tally.alive(), 1);
    }
    EXPECT_EQ(tally.alive(), 0);
    Pinned waiting(never(Guard(tally)));
    waiting.set(never(Guard(tally)));
    EXPECT_EQ(tally.alive(), 1);
    waiting.reset();
    EXPECT_EQ(tally.alive(), 0);
    EXPECT_TRUE(waiting.empty());
    EXPECT_TRUE(tally.all_gone_once());
    co_return;
  });
}

TEST(Pinned, IsCancelledWithTheTaskThatHoldsItAtEveryPoint) {
  for (int turns = 0; turns < 12; ++turns) {
    Tally tally;
    run([&]() -> Task<> {
      auto hold = [&]() -> Task<> {
        bool alive = true;
        const AtEnd end([&] { alive = false; });
        auto use = [&](Guard) -> Task<int> {
          const AtEnd uses_what_the_holder_has([&] { EXPECT_TRUE(alive); });
          co_return co_await after(3, 1);
        };
        Pinned pinned(use(Guard(tally)));
        for (;;) {
          const auto first = co_await when_any(pinned, yield_now());
          if (first.index() == 0) pinned.set(use(Guard(tally)));
          co_await yield_now();
        }
      };
      JoinHandle<void> holding = spawn(hold);
      for (int i = 0; i < turns; ++i) co_await yield_now();
      holding.abort();
      EXPECT_FALSE((co_await holding).has_value());
      EXPECT_EQ(tally.alive(), 0);
    });
    EXPECT_TRUE(tally.all_gone_once()) << turns;
  }
}

TEST(Pinned, IsCancelledAtTheEndOfBlockOnUnlessAShieldedTaskHoldsIt) {
  Tally tally;
  int got = 0;
  auto hold = [&]() -> Task<> {
    Pinned pinned(never(Guard(tally)));
    (void)co_await when_any(pinned, sleep_for(1h));
  };
  auto hold_shielded = [&]() -> Task<> {
    Pinned pinned(after(100, 3));
    got = co_await pinned;
  };
  auto shielded = [&]() -> Task<> { co_await shield(hold_shielded()); };
  run([&]() -> Task<> {
    spawn(hold).detach();
    spawn(shielded).detach();
    co_await yield_now();
    co_await yield_now();
    EXPECT_EQ(tally.alive(), 1);
  });
  EXPECT_TRUE(tally.all_gone_once());
  EXPECT_EQ(got, 3);
}

TEST(Pinned, EndsAWaitOfAnotherTaskAsCancelledWhenItGoes) {
  run([]() -> Task<> {
    Tally tally;
    std::optional<Pinned<Result<int>>> of_result(std::in_place, never(Guard(tally)));
    std::optional<Pinned<int>> of_value(std::in_place, after(1000, 1));
    auto wait_for_result = [&]() -> Task<> {
      const Result<int> got = co_await *of_result;
      EXPECT_TRUE(failed_with(got, std::errc::operation_canceled));
    };
    auto wait_for_value = [&]() -> Task<> { EXPECT_THROW(co_await *of_value, std::system_error); };
    JoinHandle<void> first = spawn(wait_for_result);
    JoinHandle<void> second = spawn(wait_for_value);
    co_await yield_now();
    of_result.reset();
    of_value.reset();
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Pinned, LetsOthersRunThoughAllThatIsAwaitedIsReady) {
  run([]() -> Task<> {
    bool other_ran = false;
    auto other = [&]() -> Task<> {
      other_ran = true;
      co_return;
    };
    const JoinHandle<void> running = spawn(other);
    Pinned<int> ready;
    for (int i = 0; i < 1000 && !other_ran; ++i) {
      ready.set(after(0, i));
      static_cast<void>(co_await ready);
    }
    EXPECT_TRUE(other_ran);
  });
}

TEST(Pinned, IsATaskInTheDumpAlsoBetweenTheRounds) {
  run([]() -> Task<> {
    auto lines = [] {
      std::string all;
      dump_each_task([&](std::string_view line) { all += std::string(line) + '\n'; });
      return all;
    };
    Pinned sleeping(sleep_for(1h));
    const std::string between = lines();
    EXPECT_NE(between.find("spawned at pinned_test.cpp:"), std::string::npos) << between;
    EXPECT_NE(between.find("for a timer"), std::string::npos) << between;
    auto look = [&]() -> Task<std::string> {
      co_await yield_now();
      co_return lines();
    };
    auto first = co_await when_any(sleeping, look());
    const std::string during = std::get<1>(std::move(first));
    EXPECT_NE(during.find("for a pinned operation"), std::string::npos) << during;
  });
}

TEST(Pinned, KeepsItsResultIfTheTaskThatWaitsIsAbortedInTheSameTurn) {
  run([]() -> Task<> {
    std::optional<JoinHandle<void>> waiting;
    auto held = [&]() -> Task<int> {
      co_await yield_now();
      waiting->abort();
      co_return 7;
    };
    Pinned<int> pinned(held());
    auto waits = [&]() -> Task<> { (void)co_await when_any(pinned, sleep_for(1h)); };
    waiting.emplace(spawn(waits));
    EXPECT_FALSE((co_await *waiting).has_value());
    EXPECT_TRUE(pinned.ended());
    if (!pinned.ended()) co_return;
    EXPECT_EQ(co_await pinned, 7);
  });
}

class PinnedDeathTest : public testing::Test {
 protected:
  PinnedDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(PinnedDeathTest, AnEmptyOneInAWhenAnyStopsTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 Pinned once(after(0, 1));
                 for (;;) co_await when_any(once, sleep_for(1h));
               }),
               "an empty Pinned was awaited.*start the next operation with set");
}

TEST_F(PinnedDeathTest, TwoWaitsAtOnceStopTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 Pinned pinned(sleep_for(1h));
                 co_await when_any(pinned, pinned);
               }),
               "a Pinned was awaited by two at once");
}

TEST_F(PinnedDeathTest, AWaitOnAnotherThreadStopsTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 Pinned pinned(sleep_for(1h));
                 auto wait = [&]() -> Task<> { co_await pinned; };
                 std::thread([&] { block_on(wait()); }).join();
                 co_return;
               }),
               "a Pinned was used on another thread");
}

TEST_F(PinnedDeathTest, ToBeDestroyedByWhatItHoldsOrMadeOutsideATaskStopsTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 std::optional<Pinned<void>> pinned;
                 auto suicide = [&]() -> Task<> {
                   co_await yield_now();
                   pinned.reset();
                 };
                 pinned.emplace(suicide());
                 co_await *pinned;
               }),
               "a Pinned was destroyed, set or reset by the task that it holds");
  EXPECT_DEATH(run([]() -> Task<> {
                 std::optional<Pinned<void>> pinned;
                 auto killer = [&]() -> Task<> {
                   co_await yield_now();
                   pinned.reset();
                 };
                 auto held = [&]() -> Task<> { co_await when_all(killer(), sleep_for(1h)); };
                 pinned.emplace(held());
                 co_await *pinned;
               }),
               "a Pinned was destroyed, set or reset by the task that it holds");
  EXPECT_DEATH(Pinned(sleep_for(1h)).reset(), "a Pinned was made or set outside a task");
}

TEST(WhenAnyFair, LetsEachOfTwoReadyBranchesWinInAboutHalfOfTheRounds) {
  run([]() -> Task<> {
    std::array<int, 2> won{};
    for (int i = 0; i < 1000; ++i) {
      const auto first = co_await when_any_fair(after(0, 0), after(0, 1));
      EXPECT_EQ(static_cast<std::size_t>(std::visit(std::identity(), first)), first.index());
      ++won.at(first.index());
    }
    EXPECT_GT(won[0], 400);
    EXPECT_GT(won[1], 400);
  });
}

TEST(WhenAnyFair, StartsTheOthersInOrderAfterTheOneThatIsDrawn) {
  run([]() -> Task<> {
    std::array<int, 3> began{};
    for (int i = 0; i < 300; ++i) {
      std::vector<int> order;
      auto branch = [&](int which) -> Task<int> {
        order.push_back(which);
        co_return co_await after(which == 1 ? 1 : 2, which);
      };
      const auto first = co_await when_any_fair(branch(0), branch(1), branch(2));
      EXPECT_EQ(first.index(), 1U) << "the one that was woken first";
      EXPECT_EQ(order.size(), 3U);
      for (std::size_t at = 1; at < order.size(); ++at) {
        EXPECT_EQ(order[at], (order[at - 1] + 1) % 3);
      }
      ++began.at(static_cast<std::size_t>(order.at(0)));
    }
    for (const int count : began) EXPECT_GT(count, 60);
  });
}

TEST(WhenAnyFair, TakesAVector) {
  run([]() -> Task<> {
    std::array<int, 3> won{};
    for (int i = 0; i < 300; ++i) {
      std::vector<Task<int>> tasks;
      for (int value = 0; value < 3; ++value) tasks.push_back(after(0, value));
      const auto first = co_await when_any_fair(std::move(tasks));
      EXPECT_EQ(static_cast<std::size_t>(first.value), first.index);
      ++won.at(first.index);
    }
    for (const int count : won) EXPECT_GT(count, 60);
  });
}

}  // namespace
}  // namespace eddy
