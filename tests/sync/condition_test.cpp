// Condition and OnceCell, which are made of a Mutex.
// SPDX-License-Identifier: MIT
#include "eddy/sync/condition.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/sync/once_cell.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

struct Queue {
  Mutex<std::vector<int>> values;
  Condition filled;
};

Task<> take_one(Queue& queue, std::vector<int>& taken) {
  auto guard = co_await queue.filled.wait(co_await queue.values.lock(),
                                          [](const auto& values) { return !values.empty(); });
  if (!guard) co_return;
  taken.push_back((*guard)->back());
  (*guard)->pop_back();
}

Task<> put(Queue& queue, int value) {
  auto guard = co_await queue.values.lock();
  guard->push_back(value);
  queue.filled.notify_one();
}

TEST(Condition, IsWaitedForWithTheMutexUnlockedAndGivesItLocked) {
  run([]() -> Task<> {
    Queue queue;
    std::vector<int> taken;
    JoinHandle<> taker = spawn(take_one, std::ref(queue), std::ref(taken));
    co_await yield_now();
    co_await put(queue, 7);
    EXPECT_TRUE((co_await taker).has_value());
    EXPECT_EQ(taken, std::vector{7});
    EXPECT_TRUE(queue.values.try_lock().has_value());
  });
}

TEST(Condition, IsNotWaitedForIfTheValueIsRight) {
  run([]() -> Task<> {
    Queue queue;
    std::vector<int> taken;
    co_await put(queue, 7);
    co_await take_one(queue, taken);
    EXPECT_EQ(taken, std::vector{7});
  });
}

TEST(Condition, RemembersNothing) {
  run([]() -> Task<> {
    Queue queue;
    queue.filled.notify_one();
    queue.filled.notify_all();
    auto guard = co_await queue.values.lock();
    EXPECT_TRUE(failed_with(co_await timeout(1ms, queue.filled.wait(std::move(guard))),
                            Error::deadline_exceeded));
    EXPECT_TRUE(queue.values.try_lock().has_value());
  });
}

TEST(Condition, NotifiesAnotherIfTheTaskThatWasNotifiedIsCancelled) {
  run([]() -> Task<> {
    Queue queue;
    std::vector<int> first_taken;
    std::vector<int> second_taken;
    JoinHandle<> first = spawn(take_one, std::ref(queue), std::ref(first_taken));
    JoinHandle<> second = spawn(take_one, std::ref(queue), std::ref(second_taken));
    co_await yield_now();
    co_await put(queue, 7);
    first.abort();
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(second_taken, std::vector{7});
    EXPECT_TRUE(first_taken.empty());
  });
}

TEST(Condition, LeavesTheMutexFreeIfATaskIsCancelledWhileItLocksAgain) {
  run([]() -> Task<> {
    Queue queue;
    std::vector<int> taken;
    JoinHandle<> taker = spawn(take_one, std::ref(queue), std::ref(taken));
    co_await yield_now();
    auto guard = co_await queue.values.lock();
    queue.filled.notify_one();
    co_await yield_now();  // the taker waits for the mutex now
    taker.abort();
    EXPECT_TRUE((co_await taker).error().is_cancelled());
    guard.unlock();
    EXPECT_TRUE(queue.values.try_lock().has_value());
  });
}

TEST(Condition, NotifiesAnotherIfATaskIsCancelledWhileItLocksAgain) {
  run([]() -> Task<> {
    Queue queue;
    std::vector<int> first_taken;
    std::vector<int> second_taken;
    JoinHandle<> first = spawn(take_one, std::ref(queue), std::ref(first_taken));
    JoinHandle<> second = spawn(take_one, std::ref(queue), std::ref(second_taken));
    co_await yield_now();
    auto guard = co_await queue.values.lock();
    guard->push_back(7);
    queue.filled.notify_one();
    co_await yield_now();  // the first waits for the mutex now
    first.abort();
    EXPECT_TRUE((co_await first).error().is_cancelled());
    guard.unlock();
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(second_taken, std::vector{7});
  });
}

TEST(Condition, UnlocksIfItsWaitIsNeverAwaited) {
  run([]() -> Task<> {
    Queue queue;
    {
      [[maybe_unused]] auto never = queue.filled.wait(co_await queue.values.lock());
    }
    EXPECT_TRUE(queue.values.try_lock().has_value());
  });
}

TEST(Condition, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    Mutex<int> mutex;
    auto condition = std::make_unique<Condition>();
    auto waiting = spawn([&]() -> Task<Result<>> {
      auto guard = co_await condition->wait(co_await mutex.lock());
      if (!guard) co_return failure(guard.error());
      co_return {};
    });
    co_await yield_now();
    condition.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
    EXPECT_TRUE(mutex.try_lock().has_value());
  });
}

TEST(OnceCell, IsMadeByOneTaskWhileTheOthersWait) {
  run([]() -> Task<> {
    OnceCell<int> cell;
    int made = 0;
    auto make = [&]() -> Task<int> {
      ++made;
      co_await yield_now();
      co_return 7;
    };
    auto get = [&]() -> Task<int> {
      const Result<int*> value = co_await cell.get_or_init(make);
      co_return **value;
    };
    EXPECT_EQ(cell.get(), nullptr);
    std::vector<JoinHandle<int>> tasks;
    for (int i = 0; i < 5; ++i) tasks.push_back(spawn(get));
    for (JoinHandle<int>& each : tasks) EXPECT_EQ(*co_await each, 7);
    EXPECT_EQ(made, 1);
    EXPECT_EQ(*cell.get(), 7);
  });
}

TEST(OnceCell, IsMadeByTheNextTaskIfOneFailsThrowsOrIsCancelled) {
  run([]() -> Task<> {
    OnceCell<int> cell;
    auto fails = []() -> Task<Result<int>> { co_return failure(std::errc::io_error); };
    auto throws = []() -> Task<int> {
      co_await yield_now();
      throw std::runtime_error("of make");
    };
    auto never = []() -> Task<int> {
      co_await suspend();
      co_return 0;
    };
    auto gives = []() -> Task<Result<int>> { co_return 7; };
    EXPECT_TRUE(failed_with(co_await cell.get_or_init(fails), std::errc::io_error));
    bool thrown = false;
    try {
      (void)co_await cell.get_or_init(throws);
    } catch (const std::runtime_error&) {
      thrown = true;
    }
    EXPECT_TRUE(thrown);
    EXPECT_FALSE((co_await timeout(1ms, cell.get_or_init(never))).has_value());
    EXPECT_EQ(cell.get(), nullptr);
    const Result<int*> value = co_await cell.get_or_init(gives);
    EXPECT_TRUE(succeeded(value));
    EXPECT_EQ(**value, 7);
  });
}

}  // namespace
}  // namespace eddy
