// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::Log;
using test::run;
using test::Tally;

Task<std::unique_ptr<int>> give_later(int value) {
  co_await yield_now();
  co_return std::make_unique<int>(value);
}

Task<> fail_later() {
  co_await yield_now();
  throw std::runtime_error("of the shielded");
}

Task<> sleep_and_note(Log& log) {
  co_await sleep_for(2ms);
  log.emplace_back("slept");
}

TEST(Shield, GivesWhatItsTaskGives) {
  run([]() -> Task<> {
    const std::unique_ptr<int> value = co_await shield(give_later(3));
    EXPECT_EQ(*value, 3);
    EXPECT_THROW(co_await shield(fail_later()), std::runtime_error);
  });
}

TEST(Shield, IsLazy) {
  run([]() -> Task<> {
    Tally tally;
    bool ran = false;
    auto task = [&](Guard) -> Task<> {
      ran = true;
      co_return;
    };
    {
      const Task<> never = shield(task(Guard(tally)));
    }
    co_await yield_now();
    EXPECT_FALSE(ran);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(Shield, LetsItsTaskRunOnAfterTheAwaiterIsCancelled) {
  Log log;
  auto clean_up = [&]() -> Task<> {
    for (int i = 0; i < 3; ++i) co_await yield_now();
    log.emplace_back("cleaned up");
  };
  run([&]() -> Task<> {
    const auto first = co_await when_any(shield(clean_up()), yield_now());
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE(log.empty());
    EXPECT_FALSE((co_await timeout(0s, shield(sleep_and_note(log)))).has_value());
  });
  EXPECT_EQ(log, (Log{"cleaned up", "slept"}));
}

TEST(Shield, ReportsAnExceptionThatNobodyAwaitsAnyMore) {
  testing::internal::CaptureStderr();
  run([]() -> Task<> { co_await when_any(shield(fail_later()), yield_now()); });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("of the shielded"), std::string::npos) << said;
}

TEST(Shield, MakesBlockOnWaitForSeveralTasks) {
  Tally tally;
  int ended = 0;
  auto clean_up = [&](int turns, Guard) -> Task<> {
    for (int i = 0; i < turns; ++i) co_await sleep_for(100us);
    ++ended;
  };
  auto user = [&](int turns) -> Task<> { co_await shield(clean_up(turns, Guard(tally))); };
  run([&]() -> Task<> {
    for (int i = 0; i < 10; ++i) spawn(user, i).detach();
    co_await yield_now();
  });
  EXPECT_EQ(ended, 10);
  EXPECT_TRUE(tally.all_gone_once());
}

}  // namespace
}  // namespace eddy
