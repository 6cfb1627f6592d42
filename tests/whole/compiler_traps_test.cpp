// Coroutine patterns close to ones that g++ 12 breaks. eddy promises that these forms work.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

Task<bool> truth(bool value, bool wait) {
  if (wait) co_await yield_now();
  co_return value;
}

Task<int> number(int value) {
  co_await yield_now();
  co_return value;
}

struct Options {
  explicit Options(Guard owned) : guard(std::move(owned)) {}
  Guard guard;
  int value = 3;
};

struct Plain {
  int left;
  int right;
};

Task<int> take_options(Options options) {
  co_await yield_now();
  co_return options.value;
}

Task<int> take_plain(Plain plain) {
  co_await yield_now();
  co_return plain.left + plain.right;
}

TEST(CompilerTraps, AClosureThatIsNamedFirstIsDestroyedOnce) {
  Tally tally;
  run([&]() -> Task<> {
    auto closure = [guard = Guard(tally),
                    text = std::string("captured by value, on the heap")]() -> Task<std::size_t> {
      co_await yield_now();
      co_return text.size();
    };
    EXPECT_EQ(co_await closure(), 30U);
    EXPECT_EQ(co_await closure(), 30U);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, ACapturingLambdaGivenToSpawnIsDestroyedOnce) {
  Tally tally;
  run([&]() -> Task<> {
    JoinHandle<std::size_t> handle =
        spawn([guard = Guard(tally),
               text = std::string("captured by value, on the heap")]() -> Task<std::size_t> {
          co_await yield_now();
          co_return text.size();
        });
    EXPECT_EQ((co_await handle).value(), 30U);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, ATemporaryOfAClassWithAConstructorIsDestroyedOnce) {
  Tally tally;
  run([&]() -> Task<> { EXPECT_EQ(co_await take_options(Options(Guard(tally))), 3); });
  EXPECT_TRUE(tally.all_gone_once());
  EXPECT_GT(tally.made, 0);
}

TEST(CompilerTraps, ATrivialAggregateMayBeMadeInTheExpression) {
  run([]() -> Task<> { EXPECT_EQ(co_await take_plain(Plain{1, 2}), 3); });
}

TEST(CompilerTraps, ALambdaThatCapturesByReferenceMayBeMadeInTheExpression) {
  int calls = 0;
  run([&]() -> Task<> {
    auto twice = [](auto f) -> Task<> {
      co_await f();
      co_await f();
    };
    co_await twice([&]() -> Task<> {
      co_await yield_now();
      ++calls;
    });
  });
  EXPECT_EQ(calls, 2);
}

TEST(CompilerTraps, LogicalOperatorsMayHaveAwaits) {
  run([]() -> Task<> {
    for (const bool wait : {false, true}) {
      EXPECT_TRUE(co_await truth(true, wait) && co_await truth(true, wait));
      EXPECT_FALSE(co_await truth(false, wait) && co_await truth(true, wait));
      EXPECT_TRUE(co_await truth(false, wait) || co_await truth(true, wait));
      EXPECT_TRUE(co_await truth(true, wait) || co_await truth(false, wait));
    }
  });
}

TEST(CompilerTraps, AWhileConditionMayWait) {
  int turns = 0;
  run([&]() -> Task<> {
    while (co_await truth(turns < 5, turns % 2 == 0)) ++turns;
  });
  EXPECT_EQ(turns, 5);
}

TEST(CompilerTraps, AConditionWithAnInitialiserMayWait) {
  run([]() -> Task<> {
    if (const int got = co_await number(7); got == 7) {
      switch (const int other = co_await number(got + 1)) {
        case 8:
          EXPECT_EQ(other, 8);
          break;
        default:
          ADD_FAILURE();
      }
    } else {
      ADD_FAILURE();
    }
  });
}

TEST(CompilerTraps, StructuredBindingsOfAnAwaitAreDestroyedOnce) {
  Tally tally;
  auto pair = [&]() -> Task<std::pair<int, Guard>> {
    co_await yield_now();
    co_return std::pair<int, Guard>(5, Guard(tally));
  };
  run([&]() -> Task<> {
    auto [value, guard] = co_await pair();
    EXPECT_EQ(value, 5);
    EXPECT_EQ(tally.alive(), 1);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, AwaitsMayStandInTheArgumentsOfACallAndOfAnAwait) {
  Tally tally;
  auto add = [](int a, int b, Guard) { return a + b; };
  auto add_later = [](int a, int b, Guard) -> Task<int> {
    co_await yield_now();
    co_return a + b;
  };
  run([&]() -> Task<> {
    EXPECT_EQ(add(co_await number(1), co_await number(2), Guard(tally)), 3);
    EXPECT_EQ(co_await add_later(co_await number(3), co_await number(4), Guard(tally)), 7);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, AwaitersOfEddyAreNoAggregates) {
  static_assert(!std::is_aggregate_v<detail::SleepOp>);
  static_assert(!std::is_aggregate_v<detail::YieldOp>);
  static_assert(!std::is_aggregate_v<detail::ReadOp>);
  static_assert(!std::is_aggregate_v<detail::ConnectOp>);
  static_assert(!std::is_aggregate_v<TcpListener::AcceptOp>);
  static_assert(!std::is_aggregate_v<JoinHandle<int>::JoinOp>);
  static_assert(!std::is_aggregate_v<detail::WhenAnyOp<false, int, void>>);
  static_assert(!std::is_aggregate_v<detail::TimedOp<detail::SleepOp>>);
  static_assert(!std::is_aggregate_v<detail::TimedTask<int>>);
  static_assert(!std::is_aggregate_v<detail::MayLose<detail::ReadExactOp>>);
  static_assert(!std::is_aggregate_v<detail::Ok<detail::ReadOp>>);
  static_assert(
      std::is_trivially_copyable_v<ListenOptions>);  // so no matter that it is an aggregate
  static_assert(std::is_trivially_copyable_v<ConnectOptions>);
  static_assert(std::is_trivially_copyable_v<KeepAlive>);
  static_assert(!std::is_aggregate_v<TaskGroup::IdleOp>);
}

// In one full expression with a co_await, which is where g++ 12 gets aggregates wrong that are not
// trivially copyable.
TEST(CompilerTraps, OptionsThatAreDesignatedWhereACoroutineAwaitsArriveAsTheyAre) {
  TcpListener listener =
      std::move(TcpListener::bind(SocketAddress::loopback(0), {.backlog = 7}).value());
  // A port that was free just now.
  const SocketAddress here =
      TcpListener::bind(SocketAddress::loopback(0)).value().local_address().value();
  block_on([&]() -> Task<> {
    const SocketAddress server = listener.local_address().value();
    const Result<TcpStream> stream = co_await TcpStream::connect(
        server, {.source = here, .nodelay = true, .keep_alive = KeepAlive{.count = 3}});
    EXPECT_TRUE(stream.has_value());
    if (!stream) co_return;
    EXPECT_EQ(stream->local_address().value(), here);
    EXPECT_TRUE(stream->nodelay().value());
    const std::optional<KeepAlive> keep_alive = stream->keep_alive().value();
    EXPECT_TRUE(keep_alive && keep_alive->count == 3);
  });
}

TEST(CompilerTraps, EachAwaiterInALargerExpressionIsDestroyedOnce) {
  Tally tally;
  auto child = [](Guard) -> Task<int> {
    co_await yield_now();
    co_return 1;
  };
  auto child_for_ever = [](Guard) -> Task<> { co_await suspend(); };
  run([&]() -> Task<> {
    const int sum = co_await child(Guard(tally)) + co_await child(Guard(tally));
    EXPECT_EQ(sum, 2);
    const auto first = co_await when_any(child(Guard(tally)), sleep_for(Duration::max()));
    EXPECT_EQ(first.index(), 0U);
    const auto both = co_await when_all(child(Guard(tally)), child(Guard(tally)));
    EXPECT_EQ(std::get<0>(both) + std::get<1>(both), 2);
    EXPECT_EQ((co_await timeout(1h, child(Guard(tally)))).value(), 1);
    EXPECT_FALSE((co_await timeout(0s, child_for_ever(Guard(tally)))).has_value());
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, ABodyOfAGroupMayCaptureByReference) {
  Tally tally;
  run([&]() -> Task<> {
    co_await with_group([&](TaskGroup& group) -> Task<> {
      group.spawn([guard = Guard(tally)]() -> Task<> { co_await yield_now(); });
      co_await yield_now();
    });
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(CompilerTraps, ASpawnedLambdaMayDieBeforeItsTaskRuns) {
  // The closure is copied into the task: the caller's may be destroyed before the task runs.
  Tally tally;
  run([&]() -> Task<> {
    std::optional<JoinHandle<std::size_t>> handle;
    {
      auto closure = [guard = Guard(tally), text = std::string(100, 'x')]() -> Task<std::size_t> {
        co_await yield_now();
        co_return text.size();
      };
      handle.emplace(spawn(closure));
    }
    EXPECT_EQ((co_await *handle).value(), 100U);
  });
  EXPECT_TRUE(tally.all_gone_once());
}

TEST(CompilerTraps, LocalsOfStandardAlignmentAreAligned) {
  run([]() -> Task<> {
    alignas(std::max_align_t) std::byte local[48];
    co_await yield_now();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&local) % alignof(std::max_align_t), 0U);
  });
}

TEST(CompilerTraps, AnAwaitMayStandInATryBlockInALoop) {
  Tally tally;
  int caught = 0;
  run([&]() -> Task<> {
    for (int i = 0; i < 10; ++i) {
      const Guard outside(tally);
      try {
        const Guard inside(tally);
        co_await yield_now();
        if (i % 2 == 0) throw i;
      } catch (int) {
        ++caught;
        continue;
      }
    }
  });
  EXPECT_EQ(caught, 5);
  EXPECT_TRUE(tally.all_gone_once());
}

#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 13
constexpr bool kMisplacesFrames = true;
#else
constexpr bool kMisplacesFrames = false;
#endif

/// g++ 12 puts the value of a condition before the two pointers that a frame starts with, if the
/// coroutine has no variable that takes that place.
Task<> wait_in_a_condition_without_variables(int& rounds) {
  while (co_await truth(rounds < 3, false)) ++rounds;
}

TEST(CompilerTrapsDeathTest, AFrameThatGccMisplacesStopsTheProgramWithAMessage) {
  const auto wait = [] {
    int rounds = 0;
    run([&]() -> Task<> { co_await wait_in_a_condition_without_variables(rounds); });
    EXPECT_EQ(rounds, 3);
  };
  if (kMisplacesFrames) {
    EXPECT_DEATH(wait(), "Put what is awaited into a variable first");
  } else {
    wait();
  }
}

Task<std::size_t> size(bool wait) {
  if (wait) co_await yield_now();
  co_return 3;
}

/// The values of two conditions take sixteen bytes, so the alignment of the frame looks right.
Task<> wait_in_two_switches_without_variables(int& steps) {
  switch (co_await size(true)) {
    case 3:
      ++steps;
  }
  switch (co_await size(true)) {
    case 3:
      ++steps;
  }
}

TEST(CompilerTrapsDeathTest, AFrameThatGccMisplacesBySixteenBytesStopsTheProgramToo) {
  const auto wait = [] {
    int steps = 0;
    run([&]() -> Task<> { co_await wait_in_two_switches_without_variables(steps); });
    EXPECT_EQ(steps, 2);
  };
  if (kMisplacesFrames) {
    EXPECT_DEATH(wait(), "Put what is awaited into a variable first");
  } else {
    wait();
  }
}

/// As an argument of a coroutine, its copy makes another coroutine: after the frame of the first
/// was allocated, and before the promise in that frame is made.
class MakesACoroutine {
 public:
  MakesACoroutine() = default;
  MakesACoroutine(const MakesACoroutine&) {
    other_ = std::make_unique<Task<std::size_t>>(size(true));
  }
  MakesACoroutine& operator=(const MakesACoroutine&) = delete;
  ~MakesACoroutine() = default;

 private:
  std::unique_ptr<Task<std::size_t>> other_;
};

Task<int> take_what_makes_a_coroutine(MakesACoroutine) {
  co_await yield_now();
  co_return 5;
}

TEST(CompilerTraps, ACoroutineMadeByTheCopyOfAnArgumentIsNotTakenForAMisplacedFrame) {
  const MakesACoroutine argument;
  EXPECT_EQ(run([&]() -> Task<int> { co_return co_await take_what_makes_a_coroutine(argument); }),
            5);
}

}  // namespace
}  // namespace eddy
