// SPDX-License-Identifier: MIT

#include "eddy/compose/join_set.hpp"

#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/run.hpp"
#include "support/said_by.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::Log;
using test::run;
using test::said_by;
using test::Tally;
using test::Trace;
using Numbers = std::vector<int>;

Task<int> give_after(int turns, int value) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return value;
}

Task<int> never(Guard) {
  co_await suspend();
  co_return 0;
}

Task<int> fail() {
  throw std::runtime_error("of the task");
  co_return 0;
}

Task<Result<int>> throw_instead_of_a_result() {
  throw std::runtime_error("of the task");
  co_return 0;
}

/// Takes all results, which must be values.
Task<Numbers> take_all(JoinSet<int>& set) {
  Numbers values;
  while (std::optional<Joined<int>> joined = co_await set.next()) {
    values.push_back(joined->result.value_or(-1));
  }
  co_return values;
}

TEST(JoinSet, GivesResultsInTheOrderOfTheEnds) {
  run([]() -> Task<> {
    JoinSet<int> set;
    for (const int turns : {3, 1, 2, 0}) set.spawn(give_after, turns, turns);
    EXPECT_EQ(set.size(), 4U);
    const Numbers as_they_come = co_await take_all(set);
    EXPECT_EQ(as_they_come, (Numbers{0, 1, 2, 3}));
    EXPECT_TRUE(set.empty());

    for (const int turns : {1, 0}) set.spawn(give_after, turns, turns);
    for (int i = 0; i < 4; ++i) co_await yield_now();
    EXPECT_EQ(set.size(), 2U) << "a result that was not taken counts";
    const Numbers at_once = co_await take_all(set);
    EXPECT_EQ(at_once, (Numbers{0, 1}));
  });
}

TEST(JoinSet, GivesEachResultWithItsKey) {
  run([]() -> Task<> {
    JoinSet<int> set;
    const JoinKey late = set.spawn(give_after, 2, 20);
    const JoinKey early = set.spawn(give_after, 1, 10);
    EXPECT_LT(late, early);
    const std::optional<Joined<int>> first = co_await set.next();
    const std::optional<Joined<int>> second = co_await set.next();
    const std::optional<Joined<int>> none = co_await set.next();
    EXPECT_TRUE(first && first->key == early && first->result == 10);
    EXPECT_TRUE(second && second->key == late && second->result == 20);
    EXPECT_FALSE(none.has_value());
  });
}

TEST(JoinSet, TakesTasksThatGiveNothingAReferenceOrWhatCannotBeCopied) {
  run([]() -> Task<> {
    JoinSet nothing;
    nothing.spawn([]() -> Task<> { co_return; });
    const auto joined = co_await nothing.next();
    EXPECT_TRUE(joined && joined->result.has_value());

    int number = 0;
    JoinSet<int&> references;
    references.spawn([](int& shared) -> Task<int&> { co_return shared; }, std::ref(number));
    const auto reference = co_await references.next();
    EXPECT_TRUE(reference && &reference->result->get() == &number);

    JoinSet<std::unique_ptr<int>> pointers;
    pointers.spawn([]() -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); });
    const auto pointer = co_await pointers.next();
    EXPECT_TRUE(pointer && **pointer->result == 7);
  });
}

TEST(JoinSet, TellsWhatThrewAndWhatWasAborted) {
  run([]() -> Task<> {
    Tally tally;
    JoinSet<int> set;
    set.spawn(fail);
    const JoinKey aborted = set.spawn(never, Guard(tally));
    set.spawn(give_after, 5, 5);
    const auto threw = co_await set.next();
    EXPECT_TRUE(threw && !threw->result && threw->result.error().exception() != nullptr);
    set.abort(aborted);
    const auto cancelled = co_await set.next();
    EXPECT_TRUE(cancelled && cancelled->key == aborted);
    EXPECT_TRUE(cancelled && !cancelled->result && cancelled->result.error().is_cancelled());
    EXPECT_EQ(tally.alive(), 0);
    set.abort(aborted);
    const Numbers rest = co_await take_all(set);
    EXPECT_EQ(rest, Numbers{5}) << "neither cancels the others";
  });
}

TEST(JoinSet, AbortAllCancelsWhatRunsAndNothingThatIsSpawnedLater) {
  run([]() -> Task<> {
    Tally tally;
    JoinSet<int> set;
    set.spawn(give_after, 0, 1);
    for (int i = 0; i < 3; ++i) set.spawn(never, Guard(tally));
    co_await yield_now();
    co_await yield_now();
    set.abort_all();
    set.spawn(give_after, 0, 2);
    const Numbers values = co_await take_all(set);
    EXPECT_EQ(values, (Numbers{1, -1, -1, -1, 2}));
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(JoinSet, ItsEndDestroysItsTasksBeforeWhatTheyReferTo) {
  run([]() -> Task<> {
    Log log;
    auto child = [&](std::string name) -> Task<> {
      const Trace outer(log, "task " + name);
      auto inner = [&]() -> Task<> {
        const Trace trace(log, "its child");
        co_await suspend();
      };
      co_await inner();
    };
    auto owner = [&]() -> Task<> {
      const Trace before(log, "before");
      JoinSet set;
      set.spawn(child, "1");
      set.spawn(child, "2");
      const Trace after(log, "after");
      (void)co_await set.next();
    };
    JoinHandle<void> handle = spawn(owner);
    for (int i = 0; i < 3; ++i) co_await yield_now();
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
    EXPECT_EQ(log, (Log{"~after", "~its child", "~task 1", "~its child", "~task 2", "~before"}));
  });
}

TEST(JoinSet, ReportsExceptionsAndErrorsThatNobodyTook) {
  const std::string said = said_by([] {
    run([]() -> Task<> {
      JoinSet<Result<int>> set;
      set.spawn(throw_instead_of_a_result);
      set.spawn([]() -> Task<Result<int>> { co_return failure(Error::closed); });
      set.spawn([]() -> Task<Result<int>> { co_return 1; });
      co_await yield_now();
      co_await yield_now();
      EXPECT_EQ(set.size(), 3U);
    });
  });
  EXPECT_NE(said.find("nobody received an exception of the task spawned at "), std::string::npos);
  EXPECT_NE(said.find("nobody received an error of the task spawned at "), std::string::npos);
  EXPECT_NE(said.find("join_set_test.cpp:"), std::string::npos) << said;

  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                JoinSet<Result<int>> set;
                set.spawn(throw_instead_of_a_result);
                set.spawn([]() -> Task<Result<int>> { co_return failure(Error::closed); });
                while (co_await set.next()) {
                }
              });
            }),
            "");
}

TEST(JoinSet, AResultStaysInTheSetIfTheWaitIsCancelled) {
  run([]() -> Task<> {
    Tally tally;
    JoinSet<int> set;
    set.spawn(never, Guard(tally));
    EXPECT_FALSE((co_await timeout(1ms, set.next())).has_value());
    const auto first = co_await when_any(yield_now(), set.next());
    EXPECT_EQ(first.index(), 0U);

    // The waiting task is woken by the end, and cancelled before it runs.
    auto waiter = [&]() -> Task<> { (void)co_await set.next(); };
    JoinHandle<void> waiting = spawn(waiter);
    co_await yield_now();
    set.spawn([&]() -> Task<int> {
      waiting.abort();
      co_return 7;
    });
    EXPECT_FALSE((co_await waiting).has_value());
    EXPECT_EQ(set.size(), 2U);
    const auto kept = co_await set.next();
    EXPECT_TRUE(kept && kept->result == 7);
  });
}

TEST(JoinSet, SeveralWaitersGetResultsInTheirOrder) {
  run([]() -> Task<> {
    Log log;
    JoinSet<int> set;
    std::optional<Waker> waker_of_b;
    auto waiter = [&](std::string name) -> Task<> {
      if (name == "b") waker_of_b = co_await current_waker();
      const auto joined = co_await set.next();
      log.push_back(name + (joined ? std::to_string(joined->result.value_or(-1)) : " none"));
    };
    auto first = [&]() -> Task<int> {
      co_await yield_now();
      waker_of_b->wake();  // b runs before a, which the end of this task wakes
      co_return 1;
    };
    set.spawn(first);
    set.spawn(give_after, 4, 2);
    JoinHandle<void> a = spawn(waiter, "a");
    JoinHandle<void> b = spawn(waiter, "b");
    co_await yield_now();
    co_await yield_now();
    co_await waiter("c");  // there is a result, but a and b have not run
    EXPECT_EQ(log, (Log{"a1", "b2", "c none"}));
  });
}

TEST(JoinSet, AWaiterThatIsCancelledAfterItsWakePassesTheResultOn) {
  run([]() -> Task<> {
    int got = 0;
    JoinSet<int> set;
    auto waiter = [&]() -> Task<> {
      const auto joined = co_await set.next();
      got = joined ? joined->result.value_or(-1) : -2;
    };
    JoinHandle<void> a = spawn(waiter);
    auto ends_and_aborts = [&]() -> Task<int> {
      co_await yield_now();
      a.abort();  // it is cancelled after this task has ended and has woken it
      co_return 3;
    };
    set.spawn(ends_and_aborts);
    JoinHandle<void> b = spawn(waiter);
    EXPECT_FALSE((co_await a).has_value());
    EXPECT_TRUE((co_await b).has_value());
    EXPECT_EQ(got, 3);
  });
}

TEST(JoinSet, AWaitEndsEmptyIfTheSetIsDestroyed) {
  run([]() -> Task<> {
    Tally tally;
    auto set = std::make_unique<JoinSet<int>>();
    set->spawn(never, Guard(tally));
    bool empty = false;
    auto waiter = [&]() -> Task<> { empty = !(co_await set->next()).has_value(); };
    JoinHandle<void> waiting = spawn(waiter);
    co_await yield_now();
    set.reset();
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_TRUE((co_await waiting).has_value());
    EXPECT_TRUE(empty);
  });
}

TEST(JoinSet, ATaskMaySpawnAbortAndWaitInItsSet) {
  run([]() -> Task<> {
    JoinSet<int> set;
    auto leader = [&]() -> Task<int> {
      const JoinKey key = set.spawn(give_after, 1000, 1);
      set.spawn(give_after, 0, 2);
      const auto joined = co_await set.next();
      set.abort(key);
      co_return 10 * (joined ? joined->result.value_or(-1) : -1);
    };
    set.spawn(leader);
    for (int i = 0; i < 10; ++i) co_await yield_now();  // it takes a result meanwhile
    const Numbers values = co_await take_all(set);
    EXPECT_EQ(values, (Numbers{20, -1}));
  });
}

TEST(JoinSet, OutlivesBlockOnAndGivesItsTasksAsCancelled) {
  Tally tally;
  JoinSet<int> set;
  run([&]() -> Task<> {
    set.spawn(never, Guard(tally));
    set.spawn(give_after, 0, 1);
    for (int i = 0; i < 3; ++i) co_await yield_now();
  });
  EXPECT_TRUE(tally.all_gone_once());
  run([&]() -> Task<> {
    const Numbers values = co_await take_all(set);
    EXPECT_EQ(values, (Numbers{1, -1}));
  });
}

TEST(JoinSet, GivesAThousandResultsWithinItsBudgetAndLosesNone) {
  run([]() -> Task<> {
    constexpr int kTasks = 1000;
    JoinSet<int> set;
    for (int i = 0; i < kTasks; ++i) set.spawn(give_after, 0, i);
    co_await yield_now();
    int others = 0;
    auto other = [&]() -> Task<> {
      for (;;) {
        ++others;
        co_await yield_now();
      }
    };
    const JoinHandle<void> beside = spawn(other);
    const Numbers values = co_await take_all(set);
    EXPECT_EQ(values.size(), std::size_t{kTasks});
    EXPECT_EQ(values.back(), kTasks - 1);
    EXPECT_GE(others, kTasks / detail::kBudget) << "it yields meanwhile";
  });
}

TEST(JoinSet, TheDumpSaysWhatWaitsForIt) {
  run([]() -> Task<> {
    Tally tally;
    JoinSet<int> set;
    set.spawn(never, Guard(tally));
    auto waiter = [&]() -> Task<> { (void)co_await set.next(); };
    const JoinHandle<void> waiting = spawn(waiter);
    co_await yield_now();
    std::string dump;
    dump_tasks([&](std::string_view line) { dump += line; });
    EXPECT_NE(dump.find(" for a task of a join set"), std::string::npos) << dump;
  });
}

void destroy_in_a_branch_of_a_task() {
  run([]() -> Task<> {
    auto set = std::make_unique<JoinSet<>>();
    auto branch = [&]() -> Task<> {
      co_await yield_now();
      set.reset();
    };
    auto child = [&]() -> Task<> { (void)co_await when_any(branch(), sleep_for(1h)); };
    set->spawn(child);
    (void)co_await set->next();
  });
}

using SharedSet = std::shared_ptr<JoinSet<>>;

Task<> take_last(SharedSet /*last*/) { co_return; }
Task<> pass_on(SharedSet given) {
  SharedSet set = std::move(given);
  (void)co_await when_all(take_last(std::move(set)), yield_now());
}

void destroy_in_the_first_run_of_a_branch() {
  run([]() -> Task<> {
    auto set = std::make_shared<JoinSet<>>();
    set->spawn(pass_on, set);
    set.reset();
    co_await sleep_for(1h);
  });
}

/// A task of a group in a task of the set has the last reference, and is cancelled.
void destroy_in_the_cancellation_of_a_branch() {
  run([]() -> Task<> {
    auto set = std::make_shared<JoinSet<>>();
    auto member = [](SharedSet /*last*/) -> Task<> { co_await sleep_for(1h); };
    auto scope = [&member](SharedSet given) -> Task<> {
      SharedSet last = std::move(given);
      auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(member, std::move(last));
        co_await yield_now();
        group.cancel();
      };
      co_await with_group(body);
    };
    set->spawn(scope, set);
    set.reset();
    co_await sleep_for(1h);
  });
}

TEST(JoinSetDeathTest, IsNotDestroyedByOneOfItsTasks) {
  EXPECT_DEATH(destroy_in_the_first_run_of_a_branch(), "by one of its own tasks");
  EXPECT_DEATH(destroy_in_the_cancellation_of_a_branch(), "by one of its own tasks");
  EXPECT_DEATH(destroy_in_a_branch_of_a_task(), "a JoinSet was destroyed by one of its own tasks");
}

TEST(JoinSetDeathTest, IsNotUsedOnAnotherThread) {
  EXPECT_DEATH(run([]() -> Task<> {
                 Tally tally;
                 JoinSet<int> set;
                 set.spawn(never, Guard(tally));
                 std::thread([&] { set.abort_all(); }).join();
                 co_return;
               }),
               "a JoinSet was used on another thread than its tasks'");
}

}  // namespace
}  // namespace eddy
