// SPDX-License-Identifier: MIT

#include "eddy/task/spawn.hpp"

#include "eddy/task/block_on.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using test::Guard;
using test::Log;
using test::run;
using test::Tally;
using test::Trace;

const char* const kLong = "a text that is too long to be stored in place";

Task<int> twice(int n) {
  co_await yield_now();
  co_return 2 * n;
}

Task<std::size_t> length_of(const std::string& text) {
  co_await yield_now();
  co_return text.size();
}

Task<> append(std::string& text, std::string more) {
  co_await yield_now();
  text += more;
}

TEST(Spawn, TakesAFunctionPointer) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn(twice, 4);
    EXPECT_EQ((co_await handle).value(), 8);
    JoinHandle<int> by_address = spawn(&twice, 5);
    EXPECT_EQ((co_await by_address).value(), 10);
  });
}

TEST(Spawn, CopiesAnArgumentThatIsTakenByConstReference) {
  run([]() -> Task<> {
    std::optional<JoinHandle<std::size_t>> handle;
    {
      const std::string text = kLong;
      handle.emplace(spawn(length_of, text));
    }
    EXPECT_EQ((co_await *handle).value(), std::string(kLong).size());
    JoinHandle<std::size_t> of_temporary = spawn(length_of, std::string(kLong));
    EXPECT_EQ((co_await of_temporary).value(), std::string(kLong).size());
  });
}

TEST(Spawn, KeepsTheValueThatAnArgumentIsConvertedTo) {
  run([]() -> Task<> {
    JoinHandle<std::size_t> handle = spawn(length_of, kLong);
    EXPECT_EQ((co_await handle).value(), std::string(kLong).size());
  });
}

TEST(Spawn, PassesAStdRefOnAsAReference) {
  std::string text = "start";
  run([&]() -> Task<> {
    JoinHandle<void> handle = spawn(append, std::ref(text), std::string(", end"));
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_EQ(text, "start, end");
}

TEST(Spawn, MovesAMoveOnlyArgument) {
  auto take = [](std::unique_ptr<int> value) -> Task<int> {
    co_await yield_now();
    co_return *value;
  };
  auto look = [](const std::unique_ptr<int>& value) -> Task<int> {
    co_await yield_now();
    co_return *value;
  };
  auto take_away = [](std::unique_ptr<int>&& value) -> Task<int> {
    const std::unique_ptr<int> mine = std::move(value);
    co_await yield_now();
    co_return *mine;
  };
  run([&]() -> Task<> {
    JoinHandle<int> first = spawn(take, std::make_unique<int>(1));
    JoinHandle<int> second = spawn(look, std::make_unique<int>(2));
    JoinHandle<int> third = spawn(take_away, std::make_unique<int>(3));
    EXPECT_EQ((co_await first).value(), 1);
    EXPECT_EQ((co_await second).value(), 2);
    EXPECT_EQ((co_await third).value(), 3);
  });
}

TEST(Spawn, KeepsWhatALambdaCaptures) {
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<std::size_t> handle =
        spawn([text = std::string(kLong), guard = Guard(tally)]() -> Task<std::size_t> {
          co_await yield_now();
          co_return text.size();
        });
    co_await yield_now();
    EXPECT_EQ(tally.alive(), 1);
    EXPECT_EQ((co_await handle).value(), std::string(kLong).size());
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(Spawn, KeepsWhatAMutableMoveOnlyLambdaCaptures) {
  run([]() -> Task<> {
    JoinHandle<int> handle = spawn([n = std::make_unique<int>(3)]() mutable -> Task<int> {
      co_await yield_now();
      const std::unique_ptr<int> mine = std::move(n);
      co_return *mine;
    });
    EXPECT_EQ((co_await handle).value(), 3);
  });
}

struct Doubler {
  Task<int> operator()(int n) const {
    co_await yield_now();
    co_return 2 * n;
  }
};

struct Counter {
  int count = 0;
  Task<int> operator()() {
    co_await yield_now();
    co_return ++count;
  }
};

TEST(Spawn, TakesFunctorsWithAndWithoutMembers) {
  run([]() -> Task<> {
    JoinHandle<int> empty = spawn(Doubler(), 4);
    JoinHandle<int> with_state = spawn(Counter{.count = 6});
    JoinHandle<int> generic = spawn([](auto n) -> Task<int> { co_return n + 1; }, 8);
    EXPECT_EQ((co_await empty).value(), 8);
    EXPECT_EQ((co_await with_state).value(), 7);
    EXPECT_EQ((co_await generic).value(), 9);
  });
}

struct Widget {
  std::string name;
  Task<std::size_t> measure() const {
    co_await yield_now();
    co_return name.size();
  }
  Task<bool> is_named(const std::string& other) const {
    co_await yield_now();
    co_return name == other;
  }
  Task<> rename(std::string to) {
    co_await yield_now();
    name = std::move(to);
  }
};

TEST(Spawn, KeepsTheObjectOfAPointerToMember) {
  Widget mine{kLong};
  run([&]() -> Task<> {
    JoinHandle<bool> converted = spawn(&Widget::is_named, std::cref(mine), kLong);
    EXPECT_TRUE((co_await converted).value());
    JoinHandle<std::size_t> of_copy = spawn(&Widget::measure, mine);
    JoinHandle<std::size_t> of_temporary = spawn(&Widget::measure, Widget{kLong});
    EXPECT_EQ((co_await of_copy).value(), std::string(kLong).size());
    EXPECT_EQ((co_await of_temporary).value(), std::string(kLong).size());
    JoinHandle<void> by_pointer = spawn(&Widget::rename, &mine, "new");
    EXPECT_TRUE((co_await by_pointer).has_value());
    EXPECT_EQ(mine.name, "new");
    JoinHandle<void> by_reference = spawn(&Widget::rename, std::ref(mine), "newer");
    EXPECT_TRUE((co_await by_reference).has_value());
    EXPECT_EQ(mine.name, "newer");
  });
}

TEST(Spawn, TakesAStdFunction) {
  run([]() -> Task<> {
    std::function<Task<int>(int)> function = [base = std::string(kLong)](int n) -> Task<int> {
      co_await yield_now();
      co_return n + static_cast<int>(base.size());
    };
    JoinHandle<int> handle = spawn(function, 1);
    function = nullptr;
    EXPECT_EQ((co_await handle).value(), 1 + static_cast<int>(std::string(kLong).size()));
  });
}

TEST(Spawn, TakesUpToFiveArguments) {
  run([]() -> Task<> {
    auto sum = [](int a, int b, int c, int d, int e) -> Task<int> { co_return a + b + c + d + e; };
    JoinHandle<int> handle = spawn(sum, 1, 2, 3, 4, 5);
    EXPECT_EQ((co_await handle).value(), 15);
  });
}

TEST(Spawn, AtAPlaceItTakesAnyNumberOfArguments) {
  run([]() -> Task<> {
    auto sum = [](int a, int b, int c, int d, int e, int f, std::string g) -> Task<int> {
      co_return a + b + c + d + e + f + static_cast<int>(g.size());
    };
    const auto here = std::source_location::current();
    JoinHandle<int> handle = spawn_at(here, sum, 1, 2, 3, 4, 5, 6, std::string(7, 'x'));
    EXPECT_EQ((co_await handle).value(), 28);
    JoinHandle<void> none = spawn_at(here, []() -> Task<> { co_return; });
    EXPECT_TRUE((co_await none).has_value());
  });
}

TEST(Spawn, RunsNothingOfTheTaskBeforeTheLoopComesToIt) {
  Log log;
  run([&]() -> Task<> {
    JoinHandle<void> handle = spawn([&]() -> Task<> {
      log.emplace_back("task");
      co_return;
    });
    log.emplace_back("spawned");
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_EQ(log, (Log{"spawned", "task"}));
}

TEST(Spawn, DestroysArgumentsAndClosureWithTheTask) {
  Log log;
  run([&]() -> Task<> {
    JoinHandle<void> handle =
        spawn([captured = Trace(log, "captured")](const Trace&) -> Task<> { co_await yield_now(); },
              Trace(log, "argument"));
    EXPECT_TRUE((co_await handle).has_value());
    EXPECT_EQ(log.size(), 2U);
    log.emplace_back("joined");
  });
  EXPECT_EQ(log.back(), "joined");
}

TEST(Spawn, AnExceptionOfTheFunctionItselfReachesTheCaller) {
  run([]() -> Task<> {
    Tally tally;
    auto refuse = [](const Guard&) -> Task<> { throw std::runtime_error("no coroutine yet"); };
    try {
      JoinHandle<void> handle = spawn(refuse, Guard(tally));
      const JoinResult<void> joined = co_await handle;
      EXPECT_FALSE(joined.has_value());
      EXPECT_FALSE(joined.error().is_cancelled());
    } catch (const std::runtime_error&) {
      // If the function takes only values, spawn itself calls it.
    }
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Spawn, BeforeBlockOnLetsTheTaskWaitForBlockOn) {
  bool ran = false;
  spawn([&]() -> Task<> {
    ran = true;
    co_return;
  }).detach();
  EXPECT_FALSE(ran);
  run([]() -> Task<> { co_await yield_now(); });
  EXPECT_TRUE(ran);
}

TEST(Spawn, WithoutABlockOnDestroysTheTaskWithItsThread) {
  auto tally = std::make_unique<Tally>();
  bool ran = false;
  std::thread([&] {
    tally->home = std::this_thread::get_id();
    auto note = [&](const Guard&) -> Task<> {
      ran = true;
      co_return;
    };
    spawn(note, Guard(*tally)).detach();
    EXPECT_EQ(tally->alive(), 1);
  }).join();
  EXPECT_FALSE(ran);
  EXPECT_TRUE(tally->all_gone_once());
}

Task<int> sum(std::span<const int> numbers) {
  co_await yield_now();
  int total = 0;
  for (const int number : numbers) total += number;
  co_return total;
}
Task<std::string> copy_of(std::string_view text) {
  co_await yield_now();
  co_return std::string(text);
}

TEST(Spawn, KeepsAnArgumentThatTheFunctionTakesAsAView) {
  run([]() -> Task<> {
    const std::string text(100, 'x');
    JoinHandle<std::string> copied = spawn(copy_of, std::string(100, 'x'));
    JoinHandle<int> summed = spawn(sum, std::vector<int>{1, 2, 3});
    JoinHandle<std::string> from_lambda =
        spawn([](std::string_view view) -> Task<std::string> { return copy_of(view); },
              std::string(100, 'x'));
    EXPECT_EQ((co_await copied).value(), text);
    EXPECT_EQ((co_await summed).value(), 6);
    EXPECT_EQ((co_await from_lambda).value(), text);
  });
}

struct Sum {
  Task<int> add(int amount) {
    co_await yield_now();
    total += amount;
    co_return total;
  }
  int total = 1;
};

TEST(Spawn, TakesAMemberFunctionAndASmartPointerToItsObject) {
  run([]() -> Task<> {
    JoinHandle<int> shared = spawn(&Sum::add, std::make_shared<Sum>(), 3);
    JoinHandle<int> unique = spawn(&Sum::add, std::make_unique<Sum>(), 4);
    EXPECT_EQ((co_await shared).value(), 4);
    EXPECT_EQ((co_await unique).value(), 5);
  });
}

}  // namespace
}  // namespace eddy
