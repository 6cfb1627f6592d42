// What is reported, and what still runs, when tasks, loops and threads end.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Log;
using test::run;
using test::Trace;

Task<> never() { co_return; }

/// What `f()`, on a thread of its own, writes to standard error.
template <class F>
std::string said_by_a_thread(F f) {
  testing::internal::CaptureStderr();
  std::thread(f).join();
  return testing::internal::GetCapturedStderr();
}

TEST(ThreadEnd, WithoutABlockOnReportsWhereTasksThatNeverRanWereSpawned) {
  const std::string said = said_by_a_thread([] {
    for (int i = 0; i < 3; ++i) spawn(never).detach();
    const JoinHandle<void> other = spawn(never);
  });
  EXPECT_NE(said.find("a thread ends, and no block_on has run 4 tasks of it"), std::string::npos)
      << said;
  const std::size_t first = said.find("ends_test.cpp:");
  EXPECT_NE(first, std::string::npos) << said;
  EXPECT_NE(said.find("ends_test.cpp:", first + 1), std::string::npos) << said;
  EXPECT_EQ(said.find('\n'), said.size() - 1) << said;
}

TEST(ThreadEnd, ReportsTasksThatWereSpawnedAfterTheLastBlockOn) {
  const std::string said = said_by_a_thread([] {
    run([]() -> Task<> { co_return; });
    spawn(never).detach();
  });
  EXPECT_NE(said.find("no block_on has run 1 task of it"), std::string::npos) << said;
}

TEST(ThreadEnd, DoesNotReportTasksThatRanOrWereAborted) {
  EXPECT_EQ(said_by_a_thread([] {
              spawn(never).detach();
              run([]() -> Task<> {
                spawn([]() -> Task<> { co_await suspend(); }).detach();
                co_await yield_now();
                spawn(never).detach();  // block_on cancels it
              });
              JoinHandle<void> handle = spawn(never);
              handle.abort();
            }),
            "");
}

TEST(Shield, TasksThatItsTaskHasSpawnedRunOnAtTheEndOfBlockOn) {
  Log log;
  auto left = [&]() -> Task<> {
    const Trace trace(log, "left");
    co_await suspend();
  };
  auto child = [&]() -> Task<int> {
    co_await sleep_for(2ms);
    JoinHandle<int> grandchild = spawn([]() -> Task<int> {
      co_await sleep_for(1ms);
      co_return 3;
    });
    co_return (co_await grandchild).value_or(-1);
  };
  auto ask = [](JoinHandle<int>& handle) -> Task<int> {
    const JoinResult<int> joined = co_await handle;
    co_return joined ? *joined : -1;
  };
  auto clean_up = [&]() -> Task<> {
    spawn(left).detach();
    JoinHandle<int> own = spawn(child);
    // A branch is a task of its own, and the tasks that it spawns count as well.
    auto branch = [&]() -> Task<int> {
      JoinHandle<int> of_branch = spawn(child);
      co_return co_await ask(of_branch);
    };
    const auto values = co_await when_all(ask(own), branch());
    EXPECT_EQ(std::get<0>(values), 3);
    EXPECT_EQ(std::get<1>(values), 3);
    log.emplace_back("cleaned up");
  };
  auto user = [&]() -> Task<> { co_await shield(clean_up()); };
  auto other = [&]() -> Task<> {
    const Trace trace(log, "other");
    co_await suspend();
  };
  run([&]() -> Task<> {
    spawn(user).detach();
    spawn(other).detach();
    for (int i = 0; i < 3; ++i) co_await yield_now();  // all have begun
  });
  EXPECT_EQ(log, (Log{"~other", "cleaned up", "~left"}));
}

/// Its destructor throws, unless it was moved from.
class Thrower {
 public:
  Thrower() = default;
  Thrower(Thrower&& other) noexcept : armed_(std::exchange(other.armed_, false)) {}
  Thrower& operator=(Thrower&&) = delete;
  ~Thrower() noexcept(false) {
    if (armed_) throw std::runtime_error("of a destructor");
  }

 private:
  bool armed_ = true;
};

TEST(ThrowingDestructor, OfATaskThatEndsByItselfGivesTheExceptionOfTheTask) {
  auto task = []() -> Task<> {
    const Thrower local;
    co_await yield_now();
  };
  EXPECT_THROW(run(task), std::runtime_error);
}

class EndsDeathTest : public testing::Test {
 protected:
  EndsDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(EndsDeathTest, ADestructorThatThrowsInACancelledTaskStopsTheProgramWithItsPlace) {
  EXPECT_DEATH(run([]() -> Task<> {
                 JoinHandle<void> handle = spawn([]() -> Task<> {
                   const Thrower local;
                   co_await suspend();
                 });
                 co_await yield_now();
                 handle.abort();
                 EXPECT_FALSE((co_await handle).has_value());
               }),
               "a destructor threw .*in the task spawned at .*ends_test.cpp:.*of a destructor");
}

TEST_F(EndsDeathTest, ADestructorThatThrowsInAChildOfACancelledBranchStopsTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 auto child = []() -> Task<> {
                   const Thrower local;
                   co_await suspend();
                 };
                 auto branch = [&]() -> Task<> { co_await child(); };
                 co_await when_any(branch(), yield_now());
               }),
               "a destructor threw .*of a destructor");
}

TEST_F(EndsDeathTest, ADestructorThatThrowsInACoroutineThatOkHasEndedStopsTheProgram) {
  EXPECT_DEATH(run([]() -> Task<> {
                 auto fail = []() -> Task<Result<>> { co_return failure(std::errc::io_error); };
                 auto child = [&]() -> Task<Result<>> {
                   const Thrower local;
                   co_await ok(fail());
                   co_return {};
                 };
                 EXPECT_FALSE((co_await child()).has_value());
               }),
               "a destructor threw .*of a destructor");
}

/// Calls block_on while the program ends.
struct BlocksAtEnd {
  bool armed = false;
  BlocksAtEnd() = default;
  BlocksAtEnd(const BlocksAtEnd&) = delete;
  BlocksAtEnd& operator=(const BlocksAtEnd&) = delete;
  ~BlocksAtEnd() {
    if (armed) run([]() -> Task<> { co_return; });
  }
};

TEST_F(EndsDeathTest, ABlockOnAfterATaskHasCalledExitStopsTheProgramWithAMessage) {
  EXPECT_DEATH(
      {
        static BlocksAtEnd at_end;
        at_end.armed = true;
        run([]() -> Task<> {
          std::exit(0);
          co_return;
        });
      },
      "block_on was called after a task had called exit");
}

}  // namespace
}  // namespace eddy
