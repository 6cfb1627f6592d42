// SPDX-License-Identifier: MIT

#include "eddy/task/task.hpp"

#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

namespace eddy {
namespace {

using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

Task<int> answer() { co_return 42; }

Task<int> answer_later() {
  co_await yield_now();
  co_return 42;
}

Task<> throw_at_once() {
  throw std::runtime_error("at once");
  co_return;
}

Task<> throw_later() {
  co_await yield_now();
  throw std::runtime_error("later");
}

TEST(Task, RunsNothingUntilItIsAwaited) {
  bool ran = false;
  run([&]() -> Task<> {
    auto note = [&]() -> Task<> {
      ran = true;
      co_return;
    };
    Task<> task = note();
    EXPECT_FALSE(ran);
    co_await yield_now();
    EXPECT_FALSE(ran);
    co_await std::move(task);
    EXPECT_TRUE(ran);
  });
}

TEST(Task, GivesItsValueWhetherItWaitsOrNot) {
  run([]() -> Task<> {
    EXPECT_EQ(co_await answer(), 42);
    EXPECT_EQ(co_await answer_later(), 42);
  });
}

TEST(Task, ReturnsTheSameObjectThroughAReference) {
  std::string object = "an object";
  auto reference = [&]() -> Task<std::string&> { co_return object; };
  auto reference_later = [&]() -> Task<std::string&> {
    co_await yield_now();
    co_return object;
  };
  auto constant = [&]() -> Task<const std::string&> { co_return object; };
  run([&]() -> Task<> {
    std::string& first = co_await reference();
    EXPECT_EQ(&first, &object);
    std::string& second = co_await reference_later();
    EXPECT_EQ(&second, &object);
    const std::string& third = co_await constant();
    EXPECT_EQ(&third, &object);
  });
  EXPECT_EQ(&block_on(reference_later()), &object);
}

TEST(Task, ReturnsMoveOnlyValues) {
  auto make = [](int n) -> Task<std::unique_ptr<int>> { co_return std::make_unique<int>(n); };
  auto make_later = [&](int n) -> Task<std::unique_ptr<int>> {
    co_await yield_now();
    co_return co_await make(n);
  };
  run([&]() -> Task<> {
    const std::unique_ptr<int> value = co_await make_later(7);
    EXPECT_EQ(*value, 7);
  });
  EXPECT_EQ(*block_on(make(8)), 8);
}

struct ReadOnly {
  explicit ReadOnly(int n) : value(n) {}
  const int value;  // cannot be assigned or default-constructed
};

TEST(Task, ReturnsValuesThatCannotBeAssignedOrDefaultConstructed) {
  auto make = []() -> Task<ReadOnly> {
    co_await yield_now();
    co_return ReadOnly(5);
  };
  run([&]() -> Task<> {
    EXPECT_EQ((co_await make()).value, 5);
    JoinHandle<ReadOnly> handle = spawn(make);
    JoinResult<ReadOnly> joined = co_await handle;
    EXPECT_EQ(joined->value, 5);
  });
  EXPECT_EQ(block_on(make()).value, 5);
}

TEST(Task, ConvertsWhatIsReturnedToItsType) {
  auto text = []() -> Task<std::string> { co_return "from a literal"; };
  auto maybe = []() -> Task<std::optional<int>> { co_return std::nullopt; };
  auto braces = []() -> Task<std::pair<int, std::string>> { co_return {3, "three"}; };
  run([&]() -> Task<> {
    EXPECT_EQ(co_await text(), "from a literal");
    EXPECT_EQ(co_await maybe(), std::nullopt);
    const auto pair = co_await braces();
    EXPECT_EQ(pair.second, "three");
  });
}

TEST(Task, AnExceptionComesOutOfTheAwait) {
  run([]() -> Task<> {
    EXPECT_THROW(co_await throw_at_once(), std::runtime_error);
    EXPECT_THROW(co_await throw_later(), std::runtime_error);
  });
}

TEST(Task, AnExceptionPassesThroughEachNestedTaskAndDestroysItsLocals) {
  Log log;
  auto inner = [&](bool wait) -> Task<> {
    const Trace local(log, "inner");
    if (wait) co_await yield_now();
    throw std::runtime_error("from the innermost");
  };
  auto middle = [&](bool wait) -> Task<int> {
    const Trace local(log, "middle");
    co_await inner(wait);
    co_return 1;
  };
  for (const bool wait : {false, true}) {
    log.clear();
    run([&]() -> Task<> {
      try {
        co_await middle(wait);
        ADD_FAILURE() << "nothing was thrown";
      } catch (const std::runtime_error& error) {
        log.emplace_back(error.what());
      }
    });
    EXPECT_EQ(log, (Log{"~inner", "~middle", "from the innermost"}));
  }
}

TEST(Task, CanGoOnAfterCatchingAndRethrow) {
  run([]() -> Task<> {
    auto translate = []() -> Task<> {
      std::exception_ptr caught;
      try {
        co_await throw_later();
      } catch (...) {
        caught = std::current_exception();
      }
      co_await yield_now();
      if (caught) std::rethrow_exception(caught);
    };
    EXPECT_THROW(co_await translate(), std::runtime_error);
  });
}

TEST(Task, DestroysItsArgumentsBeforeItsResultIsUsed) {
  Log log;
  auto child = [](Trace, bool wait) -> Task<int> {
    if (wait) co_await yield_now();
    co_return 1;
  };
  for (const bool wait : {false, true}) {
    log.clear();
    run([&]() -> Task<> {
      const int got = co_await child(Trace(log, "argument"), wait);
      log.push_back("used " + std::to_string(got));
    });
    EXPECT_EQ(log, (Log{"~argument", "used 1"}));
  }
}

TEST(Task, ItsResultOutlivesItsFrame) {
  auto make = [](std::string text) -> Task<std::string> {
    co_await yield_now();
    co_return text + " and more, so that it is long";
  };
  run([&]() -> Task<> {
    const std::string result = co_await make("some text");
    co_await yield_now();
    EXPECT_EQ(result, "some text and more, so that it is long");
  });
}

TEST(Task, DestroysItsArgumentsIfItNeverRuns) {
  Tally tally;
  bool ran = false;
  auto child = [&](Guard) -> Task<> {
    ran = true;
    co_return;
  };
  {
    const Task<> never = child(Guard(tally));
  }
  EXPECT_TRUE(tally.all_gone_once());
  EXPECT_GT(tally.made, 0);
  EXPECT_FALSE(ran);
}

TEST(Task, CanBeMovedBeforeItRuns) {
  Tally tally;
  auto child = [](Guard, int n) -> Task<int> { co_return n; };
  run([&]() -> Task<> {
    Task<int> first = child(Guard(tally), 1);
    Task<int> second = child(Guard(tally), 2);
    first = std::move(second);
    Task<int> third = std::move(first);
    EXPECT_EQ(co_await std::move(third), 2);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Task, OfAnAggregateOfMoveOnlyValuesLosesNothing) {
  struct Both {
    std::unique_ptr<int> left;
    std::unique_ptr<int> right;
  };
  auto make = []() -> Task<Both> {
    Both both{std::make_unique<int>(1), std::make_unique<int>(2)};
    co_await yield_now();
    co_return both;
  };
  run([&]() -> Task<> {
    const Both both = co_await make();
    EXPECT_EQ(*both.left + *both.right, 3);
  });
}

using TaskDeathTest = testing::Test;

TEST(TaskDeathTest, AwaitingATaskThatWasMovedFromStopsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run([]() -> Task<> {
                 Task<int> task = answer();
                 EXPECT_EQ(co_await std::move(task), 42);
                 EXPECT_EQ(co_await std::move(task), 42);  // NOLINT(bugprone-use-after-move)
               }),
               "a task was awaited or spawned after it was moved from");
}

}  // namespace
}  // namespace eddy
