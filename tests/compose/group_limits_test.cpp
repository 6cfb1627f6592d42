// A limit on how many tasks a group has, and a group that collects what fails.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/dump.hpp"

#include "support/run.hpp"
#include "support/said_by.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::Log;
using test::run;
using test::said_by;
using test::Tally;

Task<> run_for(int turns, Guard) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
}

Task<> never(Guard) { co_await suspend(); }

Task<> fail_after(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  throw std::runtime_error("of a task");
}

Task<Result<>> err_after(int turns, std::errc error) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
  co_return failure(error);
}

TEST(GroupLimit, SpawnWhenFreeKeepsToItWhateverTheTasksDo) {
  run([]() -> Task<> {
    constexpr std::size_t kLimit = 3;
    Tally tally;
    std::size_t most = 0;
    const auto body = [&](TaskGroup& group) -> Task<int> {
      int spawned = 0;
      for (int i = 0; i < 200; ++i, ++spawned) {
        co_await group.spawn_when_free(run_for, i % 5, Guard(tally));
        most = std::max(most, group.size());
      }
      co_return spawned;
    };
    const int spawned = co_await with_group(Concurrency(kLimit), body);
    EXPECT_EQ(spawned, 200);
    EXPECT_EQ(most, kLimit);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, SpawnWhenFreeNeverWaitsWithoutALimit) {
  run([]() -> Task<> {
    Tally tally;
    const auto body = [&](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 20; ++i) co_await group.spawn_when_free(run_for, 1, Guard(tally));
      EXPECT_EQ(group.size(), 20U);
    };
    co_await with_group(body);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, SeveralThatWaitSpawnInTheirOrderAndNobodyPassesThem) {
  run([]() -> Task<> {
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      log.push_back(name);
      co_return;
    };
    const auto body = [&](TaskGroup& group) -> Task<> {
      std::optional<Waker> waker_of_b;
      const auto ask = [&](std::string name) -> Task<> {
        if (name == "b") waker_of_b = co_await current_waker();
        co_await group.spawn_when_free(work, name);
      };
      const auto first = [&]() -> Task<> {
        co_await yield_now();
        waker_of_b->wake();  // b runs before a, which the end of this task wakes
      };
      group.spawn(first);
      JoinHandle<void> a = spawn(ask, "a");
      JoinHandle<void> b = spawn(ask, "b");
      co_await yield_now();
      co_await yield_now();
      co_await ask("c");  // there is room, but a and b have not run
      (void)co_await a;
      (void)co_await b;
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_EQ(log, (Log{"a", "b", "c"}));
  });
}

TEST(GroupLimit, ASpawnMayTakeTheRoomAndTheFirstStaysFirst) {
  run([]() -> Task<> {
    Tally tally;
    bool spawned = false;
    const auto body = [&](TaskGroup& group) -> Task<> {
      const auto ask = [&]() -> Task<> {
        co_await group.spawn_when_free(run_for, 0, Guard(tally));
        spawned = true;
      };
      const auto last = [&](Guard) -> Task<> {
        co_await yield_now();
        group.spawn(run_for, 3, Guard(tally));  // over the limit, so its end leaves no room
      };
      group.spawn(last, Guard(tally));
      JoinHandle<void> asking = spawn(ask);
      for (int i = 0; i < 4; ++i) co_await yield_now();
      EXPECT_FALSE(spawned);
      (void)co_await asking;
      EXPECT_TRUE(spawned);
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, ACancelledWaitSpawnsNothingAndDestroysTheArguments) {
  run([]() -> Task<> {
    Tally tally;
    bool ran = false;
    const auto work = [&](Guard) -> Task<> {
      ran = true;
      co_return;
    };
    const auto body = [&](TaskGroup& group) -> Task<> {
      const Result<> late =
          co_await timeout(0ns, group.spawn_when_free(never, Guard(tally)));  // there is room
      EXPECT_TRUE(late.has_value());
      EXPECT_FALSE((co_await timeout(1ms, group.spawn_when_free(work, Guard(tally)))).has_value());
      EXPECT_EQ(tally.alive(), 1);
      const auto first = co_await when_any(group.spawn_when_free(work, Guard(tally)), yield_now());
      EXPECT_EQ(first.index(), 1U);
      EXPECT_EQ(tally.alive(), 1);
      group.cancel();
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_FALSE(ran);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, AWaitThatIsCancelledAfterItsWakeLeavesTheRoomToTheNext) {
  run([]() -> Task<> {
    Log log;
    const auto work = [&](std::string name) -> Task<> {
      log.push_back(name);
      co_return;
    };
    const auto body = [&](TaskGroup& group) -> Task<> {
      const auto ask = [&](std::string name) -> Task<> {
        co_await group.spawn_when_free(work, name);
      };
      JoinHandle<void> a = spawn(ask, "a");
      const auto ends_and_aborts = [&]() -> Task<> {
        co_await yield_now();
        co_await yield_now();
        a.abort();  // it is cancelled after this task has ended and has woken it
      };
      group.spawn(ends_and_aborts);
      JoinHandle<void> b = spawn(ask, "b");
      EXPECT_FALSE((co_await a).has_value());
      EXPECT_TRUE((co_await b).has_value());
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_EQ(log, Log{"b"});
  });
}

TEST(GroupLimit, AWaitEndsWithItsGroup) {
  Tally tally;
  run([&]() -> Task<> {
    bool ended = false;
    std::optional<JoinHandle<void>> asking;
    const auto body = [&](TaskGroup& group) -> Task<> {
      const auto ask = [&]() -> Task<> {
        co_await group.spawn_when_free(never, Guard(tally));
        ended = true;
      };
      group.spawn(never, Guard(tally));
      group.spawn(fail_after, 2);
      asking.emplace(spawn(ask));
      co_await suspend();
    };
    EXPECT_THROW(co_await with_group(Concurrency(1), body), std::runtime_error);
    EXPECT_TRUE((co_await *asking).has_value());
    EXPECT_TRUE(ended);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, CancelLetsWaitsEndWithoutATask) {
  run([]() -> Task<> {
    Tally tally;
    const auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(never, Guard(tally));
      const auto cancel = [&]() -> Task<> {
        group.cancel();
        co_return;
      };
      spawn(cancel).detach();
      co_await group.spawn_when_free(never, Guard(tally));
      co_await group.spawn_when_free(never, Guard(tally));
      co_await group.idle();
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_TRUE(tally.all_gone_once());
  });
}

TEST(GroupLimit, TheDumpNamesTheWaitAndThePlaceOfTheSpawn) {
  run([]() -> Task<> {
    Tally tally;
    std::string dump;
    std::uint_least32_t line = 0;
    const auto body = [&](TaskGroup& group) -> Task<> {
      const auto look = [&]() -> Task<> {
        dump_each_task([&](std::string_view text) { dump += text; });
        group.cancel();
        co_return;
      };
      line = std::source_location::current().line() + 1;
      co_await group.spawn_when_free(never, Guard(tally));
      spawn(look).detach();
      co_await group.spawn_when_free(never, Guard(tally));
    };
    co_await with_group(Concurrency(1), body);
    EXPECT_NE(dump.find(" for room in a group"), std::string::npos) << dump;
    const std::string place = "spawned at group_limits_test.cpp:" + std::to_string(line);
    EXPECT_NE(dump.find(place), std::string::npos) << dump;
  });
}

TEST(GroupThatCollects, GivesTheValueOfItsBodyIfNothingFails) {
  run([]() -> Task<> {
    Tally tally;
    const auto body = [&](TaskGroup& group) -> Task<int> {
      group.spawn(run_for, 2, Guard(tally));
      co_return 7;
    };
    const auto done = co_await with_group<OnError::collect>(body);
    EXPECT_TRUE(done && *done == 7);

    const auto of_results = [](TaskGroup&) -> Task<Result<std::unique_ptr<int>>> {
      co_return std::make_unique<int>(8);
    };
    const auto flat = co_await with_group<OnError::collect>(of_results);
    EXPECT_TRUE(flat && **flat == 8);

    const auto of_nothing = [](TaskGroup&) -> Task<Result<>> { co_return {}; };
    const auto nothing = co_await with_group<OnError::collect>(of_nothing);
    EXPECT_TRUE(nothing.has_value());
  });
}

TEST(GroupThatCollects, GivesAllFailuresInTheirOrderAndCancelsNothing) {
  run([]() -> Task<> {
    Tally tally;
    bool body_went_on = false;
    std::uint_least32_t line = 0;
    const auto body = [&](TaskGroup& group) -> Task<Result<int>> {
      line = std::source_location::current().line() + 1;
      group.spawn(err_after, 2, std::errc::timed_out);
      group.spawn(fail_after, 1);
      group.spawn(run_for, 8, Guard(tally));
      for (int i = 0; i < 4; ++i) co_await yield_now();
      body_went_on = true;
      co_return failure(std::errc::io_error);
    };
    const auto done = co_await with_group<OnError::collect>(body);
    EXPECT_TRUE(body_went_on);
    EXPECT_TRUE(tally.all_gone_once());
    EXPECT_FALSE(done.has_value());
    if (done) co_return;
    const GroupErrors& errors = done.error();
    EXPECT_EQ(errors.size(), 3U);
    if (errors.size() != 3) co_return;
    EXPECT_THROW(std::rethrow_exception(errors[0].exception), std::runtime_error);
    EXPECT_TRUE(errors[1].exception == nullptr && errors[1].error == std::errc::timed_out);
    EXPECT_EQ(errors[1].spawned_at.line(), line);
    EXPECT_EQ(errors[2].error, std::errc::io_error) << "that of the body";
    EXPECT_EQ(errors[1].message(), std::make_error_code(std::errc::timed_out).message());
  });
}

TEST(GroupThatCollects, GivesTheExceptionOfItsBodyToo) {
  run([]() -> Task<> {
    const auto throws_late = [](TaskGroup& group) -> Task<int> {
      group.spawn(err_after, 3, std::errc::timed_out);
      co_await yield_now();
      throw std::logic_error("of the body");
    };
    const auto late = co_await with_group<OnError::collect>(throws_late);
    EXPECT_TRUE(!late && late.error().size() == 2);
    if (late) co_return;
    EXPECT_EQ(late.error().back().message(), "of the body");
    EXPECT_THROW(std::rethrow_exception(late.error().back().exception), std::logic_error);

    const auto throws_early = [](TaskGroup& group) -> Task<> {
      group.spawn(err_after, 3, std::errc::timed_out);
      throw std::logic_error("before any coroutine was made");
    };
    const auto early = co_await with_group<OnError::collect>(throws_early);
    EXPECT_TRUE(!early && early.error().size() == 2);
  });
}

TEST(GroupThatCollects, HoldsAThousandFailures) {
  run([]() -> Task<> {
    const auto body = [](TaskGroup& group) -> Task<> {
      for (int i = 0; i < 1000; ++i) {
        co_await group.spawn_when_free(err_after, i % 3, std::errc::timed_out);
      }
    };
    const auto done = co_await with_group<OnError::collect>(Concurrency(16), body);
    EXPECT_TRUE(!done && done.error().size() == 1000);
  });
}

TEST(GroupThatCollects, ReportsItsFailuresIfItIsCancelled) {
  const std::string said = said_by([] {
    run([]() -> Task<> {
      Tally tally;
      const auto body = [&](TaskGroup& group) -> Task<Result<>> {
        group.spawn(fail_after, 0);
        group.spawn(err_after, 0, std::errc::timed_out);
        group.spawn(never, Guard(tally));
        co_return failure(std::errc::io_error);
      };
      auto scope = [&]() -> Task<> { (void)co_await with_group<OnError::collect>(body); };
      EXPECT_FALSE((co_await timeout(1ms, scope())).has_value());
      EXPECT_TRUE(tally.all_gone_once());
    });
  });
  std::size_t reports = 0;
  for (std::size_t at = 0; (at = said.find("nobody received an ", at)) != std::string::npos; ++at) {
    ++reports;
  }
  EXPECT_EQ(reports, 3U) << said;
}

}  // namespace
}  // namespace eddy
