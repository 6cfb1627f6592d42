// The places that messages name.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/fatal.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/dump.hpp"

#include <gtest/gtest.h>

#include <source_location>
#include <string>

namespace eddy {
namespace {

std::string place(unsigned line) { return "place_test.cpp:" + std::to_string(line); }

void use_the_loop_inside_itself() {
  block_on([]() -> Task<> { co_return; }());
}

TEST(PlaceDeathTest, AFatalMessageNamesTheTaskAndItsLastAwait) {
  constexpr unsigned kAwait = __LINE__ + 2;
  const auto misuse = []() -> Task<> {
    co_await yield_now();
    use_the_loop_inside_itself();
  };
  constexpr unsigned kSpawn = __LINE__ + 2;
  const auto program = [&]() -> Task<> {
    auto handle = spawn(misuse);
    (void)co_await handle;
  };
  EXPECT_DEATH(block_on(program()), "in the task spawned at " + place(kSpawn) +
                                        ", at the co_await at " + place(kAwait) + "\n");
}

TEST(PlaceDeathTest, ATaskThatIsSpawnedAtAPlaceIsNamedByIt) {
  const auto misuse = []() -> Task<> {
    use_the_loop_inside_itself();
    co_return;
  };
  constexpr unsigned kPlace = __LINE__ + 1;
  const auto here = std::source_location::current();
  const auto in_a_group = [&](TaskGroup& group) -> Task<> {
    group.spawn_at(here, misuse);
    co_return;
  };
  const auto program = [&]() -> Task<> { co_await with_group(in_a_group); };
  EXPECT_DEATH(block_on(program()), "in the task spawned at " + place(kPlace) + "\n");
}

TEST(PlaceDeathTest, ATaskThatHasNotAwaitedYetHasNoPlaceOfAnAwait) {
  const auto misuse = []() -> Task<> {
    use_the_loop_inside_itself();
    co_return;
  };
  constexpr unsigned kSpawn = __LINE__ + 2;
  const auto program = [&]() -> Task<> {
    auto handle = spawn(misuse);
    (void)co_await handle;
  };
  EXPECT_DEATH(block_on(program()), "in the task spawned at " + place(kSpawn) + "\n");
}

TEST(PlaceDeathTest, ABranchIsNamedByTheTaskThatAwaitsIt) {
  constexpr unsigned kAwait = __LINE__ + 2;
  const auto misuse = []() -> Task<> {
    co_await yield_now();
    use_the_loop_inside_itself();
  };
  const auto parent = [&]() -> Task<> { co_await when_all(misuse(), misuse()); };
  constexpr unsigned kSpawn = __LINE__ + 2;
  const auto program = [&]() -> Task<> {
    auto handle = spawn(parent);
    (void)co_await handle;
  };
  EXPECT_DEATH(block_on(program()), "in a branch of the task spawned at " + place(kSpawn) +
                                        ", at the co_await at " + place(kAwait) + "\n");
}

TEST(PlaceDeathTest, ABranchInItsFirstRunIsNamedToo) {
  const auto misuse = []() -> Task<> {
    use_the_loop_inside_itself();
    co_return;
  };
  const auto parent = [&]() -> Task<> { co_await when_all(misuse(), misuse()); };
  constexpr unsigned kSpawn = __LINE__ + 2;
  const auto program = [&]() -> Task<> {
    auto handle = spawn(parent);
    (void)co_await handle;
  };
  EXPECT_DEATH(block_on(program()), "in a branch of the task spawned at " + place(kSpawn) + "\n");
}

// g++ and clang warn of the mistakes that are tested here.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type"

Task<int> without_co_return() { co_await yield_now(); }

Task<int> without_co_return_in_its_first_run(bool never) {
  if (never) co_await yield_now();
}

Task<Result<>> result_without_co_return(bool never) {
  if (never) co_await yield_now();
}

#pragma GCC diagnostic pop

TEST(PlaceDeathTest, AChildWithoutCoReturnStopsTheProgramAndIsNamedByItsAwait) {
  constexpr unsigned kAwait = __LINE__ + 1;
  const auto program = []() -> Task<> { (void)co_await without_co_return(); };
  constexpr unsigned kStart = __LINE__ + 3;
  const std::string said = "has ended without co_return.*in the task spawned at " + place(kStart) +
                           ", at the co_await at " + place(kAwait) + "\n";
  EXPECT_DEATH(block_on(program()), said);  // one line: compilers differ over the lines of a macro
}

TEST(PlaceDeathTest, AChildWithoutCoReturnThatNeverWaitedIsNamedByItsAwaitToo) {
  constexpr unsigned kAwait = __LINE__ + 1;
  const auto program = []() -> Task<> { (void)co_await without_co_return_in_its_first_run(false); };
  EXPECT_DEATH(block_on(program()),
               "has ended without co_return.*, at the co_await at " + place(kAwait) + "\n");
}

TEST(PlaceDeathTest, ATaskWithoutCoReturnStopsTheProgramAndIsNamedByItsSpawn) {
  constexpr unsigned kSpawn = __LINE__ + 2;
  const auto program = []() -> Task<> {
    auto handle = spawn(without_co_return);
    (void)co_await handle;
  };
  EXPECT_DEATH(block_on(program()),
               "has ended without co_return.*in the task spawned at " + place(kSpawn));
}

TEST(PlaceDeathTest, AResultWithoutCoReturnStopsTheProgramEvenIfItIsAwaitedWithOk) {
  constexpr unsigned kAwait = __LINE__ + 2;
  const auto parent = []() -> Task<Result<>> {
    co_await ok(result_without_co_return(false));
    co_return {};
  };
  EXPECT_DEATH((void)block_on(parent()),
               "has ended without co_return.*, at the co_await at " + place(kAwait) + "\n");
}

}  // namespace
}  // namespace eddy
