// Each operation of the worker and of time, cancelled in each of its states.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/interval.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;
using test::Tally;

/// The event that the operations of a case wait for, and the counts that show that no frame is
/// left.
class World {
 public:
  Tally tally;

  /// Waits for `happen`.
  Task<> event() {
    const Guard local(tally);
    wakers_.push_back(co_await current_waker());
    while (!happened_) co_await suspend();
  }
  Task<int> value_of_event() {
    co_await event();
    co_return 1;
  }
  void happen() {
    happened_ = true;
    for (const Waker& waker : wakers_) waker.wake();
  }

 private:
  bool happened_ = false;
  std::vector<Waker> wakers_;
};

/// An operation that waits for the event of the world.
struct Case {
  const char* name;
  Task<> (*wait)(World&);
};

Task<> wait_in_suspend(World& world) { co_await world.event(); }
Task<> wait_in_sleep(World& world) {
  const Guard local(world.tally);
  co_await sleep_for(1ms);
}
Task<> wait_in_sleep_until(World& world) {
  const Guard local(world.tally);
  co_await sleep_until(Clock::now() + 1ms);
}
Task<> wait_in_interval(World& world) {
  const Guard local(world.tally);
  Interval interval(1ms);
  co_await interval.tick();
  co_await interval.tick();
}
Task<> wait_in_yield(World& world) {
  const Guard local(world.tally);
  co_await yield_now();
}
Task<> wait_in_join(World& world) {
  JoinHandle<int> handle = spawn(&World::value_of_event, &world);
  const JoinResult<int> joined = co_await handle;
  EXPECT_TRUE(joined.has_value());
}
Task<> wait_in_when_any(World& world) {
  co_await when_any(sleep_for(1h), world.value_of_event(),
                    world.tally.made < 0 ? sleep_for(0s) : sleep_for(1h));
}
Task<> wait_in_when_all(World& world) {
  co_await when_all(world.event(), yield_now(), sleep_for(0s));
}
Task<> wait_in_timeout_of_task(World& world) {
  EXPECT_TRUE((co_await timeout(1h, world.value_of_event())).has_value());
}
Task<> wait_in_timeout_of_operation(World& world) {
  const Guard local(world.tally);
  EXPECT_TRUE((co_await timeout(1h, sleep_for(1ms))).has_value());
}
Task<> wait_in_expiring_timeout(World& world) {
  EXPECT_FALSE((co_await timeout(1ms, when_all(world.event(), sleep_for(1h)))).has_value());
}
Task<> wait_in_group(World& world) {
  auto body = [&](TaskGroup& group) -> Task<> {
    const Guard local(world.tally);
    group.spawn(&World::event, &world);
    co_return;
  };
  co_await with_group(body);
}
Task<> wait_in_idle(World& world) {
  auto body = [&](TaskGroup& group) -> Task<> {
    const Guard local(world.tally);
    group.spawn(&World::event, &world);
    co_await group.idle();
  };
  co_await with_group(body);
}
Task<> wait_in_ok(World& world) {
  auto inner = [](World& inner_world) -> Task<Result<int>> {
    const Guard local(inner_world.tally);
    co_return co_await ok(timeout(1h, inner_world.value_of_event()));
  };
  EXPECT_EQ(co_await ok(inner(world)), 1);
}
Task<> wait_in_budget(World& world) {
  const Guard local(world.tally);
  for (int i = 0; i < 300; ++i) co_await sleep_for(0s);
}
Task<> wait_for_ticks_in_budget(World& world) {
  const Guard local(world.tally);
  Interval every(Clock::now() - 1s, 1ms);
  for (int i = 0; i < 300; ++i) static_cast<void>(co_await every.tick());
}
Task<> wait_for_idle_in_budget(World& world) {
  const Guard local(world.tally);
  auto body = [&](TaskGroup& group) -> Task<> {
    for (int i = 0; i < 300; ++i) co_await group.idle();
  };
  co_await with_group(body);
}
Task<> wait_deep(World& world) {
  auto body = [&](TaskGroup& group) -> Task<> {
    group.spawn([](World& w) -> Task<> { co_await when_any(w.event(), sleep_for(1h)); },
                std::ref(world));
    co_await group.idle();
  };
  co_await when_any(timeout(1h, with_group(body)), when_all(sleep_for(1h), sleep_for(1h)));
}

constexpr Case kCases[] = {
    {"suspend", wait_in_suspend},
    {"sleep", wait_in_sleep},
    {"sleep_until", wait_in_sleep_until},
    {"interval", wait_in_interval},
    {"yield", wait_in_yield},
    {"join", wait_in_join},
    {"when_any", wait_in_when_any},
    {"when_all", wait_in_when_all},
    {"timeout_of_task", wait_in_timeout_of_task},
    {"timeout_of_operation", wait_in_timeout_of_operation},
    {"expiring_timeout", wait_in_expiring_timeout},
    {"group", wait_in_group},
    {"idle", wait_in_idle},
    {"ok", wait_in_ok},
    {"budget", wait_in_budget},
    {"budget_of_ticks", wait_for_ticks_in_budget},
    {"budget_of_idle", wait_for_idle_in_budget},
    {"deep", wait_deep},
};

class Cancellation : public testing::TestWithParam<Case> {
 protected:
  /// Runs the operation as a task, and `cancel`, which gets its handle.
  void run_case(const std::function<Task<>(World&, JoinHandle<void>&)>& cancel) {
    World world;
    run([&]() -> Task<> {
      auto task = [&](Guard) -> Task<> { co_await GetParam().wait(world); };
      JoinHandle<void> handle = spawn(task, Guard(world.tally));
      co_await cancel(world, handle);
      static_cast<void>(co_await handle);
      world.happen();  // for operations that only the joined task has started
      co_await yield_now();
      co_await yield_now();
      EXPECT_TRUE(world.tally.all_gone_once())
          << world.tally.made << " made, " << world.tally.gone << " gone";
    });
  }
};

TEST_P(Cancellation, AnAbortBeforeTheTaskStartsDestroysItsArguments) {
  run_case([](World& world, JoinHandle<void>& handle) -> Task<> {
    handle.abort();
    const JoinResult<void> joined = co_await handle;
    EXPECT_TRUE(!joined && joined.error().is_cancelled());
    EXPECT_EQ(world.tally.alive(), 0);
  });
}

TEST_P(Cancellation, AnAbortWhileTheTaskWaitsDestroysEveryFrameOnce) {
  run_case([](World&, JoinHandle<void>& handle) -> Task<> {
    co_await yield_now();
    handle.abort();
    co_return;
  });
}

TEST_P(Cancellation, AnAbortWhileChildrenWaitDestroysEveryFrameOnce) {
  run_case([](World&, JoinHandle<void>& handle) -> Task<> {
    for (int i = 0; i < 4; ++i) co_await yield_now();
    handle.abort();
  });
}

TEST_P(Cancellation, AnAbortBetweenTheWakeAndTheTurnDestroysEveryFrameOnce) {
  run_case([](World& world, JoinHandle<void>& handle) -> Task<> {
    for (int i = 0; i < 4; ++i) co_await yield_now();
    world.happen();
    handle.abort();
  });
}

TEST_P(Cancellation, AnAbortInAnyTurnDestroysEveryFrameOnce) {
  for (int turns = 0; turns < 12; ++turns) {
    run_case([turns](World& world, JoinHandle<void>& handle) -> Task<> {
      for (int i = 0; i < 4; ++i) co_await yield_now();
      world.happen();
      for (int i = 0; i < turns; ++i) co_await yield_now();
      handle.abort();
    });
  }
}

TEST_P(Cancellation, ASecondAbortDoesNothing) {
  run_case([](World&, JoinHandle<void>& handle) -> Task<> {
    co_await yield_now();
    handle.abort();
    handle.abort();
    co_await yield_now();
    handle.abort();
  });
}

TEST_P(Cancellation, AnAbortAsTheWaitCompletesDestroysEveryFrameOnce) {
  // By the clock: timers fire at any point around the abort.
  for (int i = 0; i < 5; ++i) {
    run_case([i](World& world, JoinHandle<void>& handle) -> Task<> {
      co_await sleep_for(800us + i * 100us);
      world.happen();
      handle.abort();
    });
  }
}

TEST_P(Cancellation, AWhenAnyDestroysEveryFrameOfALoserOnce) {
  World world;
  run([&]() -> Task<> {
    for (int turns = 0; turns < 6; ++turns) {
      auto win = [](int n) -> Task<> {
        for (int i = 0; i < n; ++i) co_await yield_now();
      };
      co_await when_any(GetParam().wait(world), win(turns));
    }
    world.happen();
    for (int i = 0; i < 3; ++i) co_await yield_now();
    EXPECT_TRUE(world.tally.all_gone_once());
  });
}

TEST_P(Cancellation, ATimeoutDestroysEveryFrameOnce) {
  World world;
  run([&]() -> Task<> {
    for (const Duration limit : {Duration(0s), Duration(100us), Duration(1ms)}) {
      static_cast<void>(co_await timeout(limit, GetParam().wait(world)));
    }
    world.happen();
    for (int i = 0; i < 3; ++i) co_await yield_now();
    EXPECT_TRUE(world.tally.all_gone_once());
  });
}

TEST_P(Cancellation, TheEndOfBlockOnDestroysEveryFrameOnce) {
  World world;
  run([&]() -> Task<> {
    spawn(GetParam().wait, std::ref(world)).detach();
    co_await yield_now();
    co_await yield_now();
  });
  EXPECT_TRUE(world.tally.all_gone_once());
}

INSTANTIATE_TEST_SUITE_P(Of, Cancellation, testing::ValuesIn(kCases),
                         [](const auto& instance) { return std::string(instance.param.name); });

}  // namespace
}  // namespace eddy
