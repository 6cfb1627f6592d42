// SPDX-License-Identifier: MIT

#include "eddy/sync/watch.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/channels.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::let_others_run;
using test::run;
using test::succeeded;

/// Notes each value that it sees, up to an error.
Task<> watch_and_note(WatchReceiver<int>& receiver, std::vector<int>& log, std::error_code& error) {
  for (;;) {
    const Result<> changed = co_await receiver.changed();
    if (!changed) {
      error = changed.error();
      co_return;
    }
    log.push_back(receiver.get());
  }
}

TEST(Watch, GivesTheLatestValue) {
  auto [sender, receiver] = watch<std::string>("a");
  EXPECT_EQ(receiver.get(), "a");
  sender.send("b");
  sender.send("c");
  EXPECT_EQ(receiver.get(), "c");
  EXPECT_EQ(sender.get(), "c");
  sender.modify([](std::string& value) { value += "d"; });
  EXPECT_EQ(receiver.get(), "cd");
}

TEST(Watch, ChangedEndsForAValueThatTheReceiverHasNotSeen) {
  run([]() -> Task<> {
    auto [sender, receiver] = watch(1);
    EXPECT_FALSE(receiver.has_changed());
    EXPECT_TRUE(failed_with(co_await timeout(1ms, receiver.changed()), Error::deadline_exceeded));
    sender.send(2);
    sender.send(3);
    EXPECT_TRUE(receiver.has_changed());
    EXPECT_TRUE(succeeded(co_await receiver.changed()));
    EXPECT_FALSE(receiver.has_changed());  // though `get` was not called
    sender.send(4);
    EXPECT_EQ(receiver.get(), 4);
    EXPECT_FALSE(receiver.has_changed());
  });
}

TEST(Watch, WakesAllReceiversThatWaitAndEndsWithItsSender) {
  run([]() -> Task<> {
    auto ends = watch(1);
    std::optional<WatchSender<int>> sender(std::move(ends.first));
    WatchReceiver<int> second = sender->subscribe();
    EXPECT_EQ(sender->receivers(), 2U);
    std::vector<int> logs[2];
    std::error_code errors[2];
    JoinHandle<> a =
        spawn(watch_and_note, std::ref(ends.second), std::ref(logs[0]), std::ref(errors[0]));
    JoinHandle<> b =
        spawn(watch_and_note, std::ref(second), std::ref(logs[1]), std::ref(errors[1]));
    co_await let_others_run();
    sender->send(2);
    co_await let_others_run();
    sender->send(3);
    sender.reset();
    EXPECT_TRUE((co_await a).has_value());
    EXPECT_TRUE((co_await b).has_value());
    for (const auto& log : logs) EXPECT_EQ(log, (std::vector{2, 3}));
    for (const auto& error : errors) EXPECT_EQ(error, Error::closed);
    EXPECT_EQ(second.get(), 3);
  });
}

TEST(Watch, ACopyHasSeenWhatTheReceiverHasSeen) {
  auto [sender, first] = watch(1);
  sender.send(2);
  auto not_seen = first;
  EXPECT_EQ(first.get(), 2);
  auto seen = first;
  auto subscribed = sender.subscribe();
  EXPECT_TRUE(not_seen.has_changed());
  EXPECT_FALSE(seen.has_changed());
  EXPECT_FALSE(subscribed.has_changed());
  seen = not_seen;
  EXPECT_TRUE(seen.has_changed());
}

TEST(Watch, ACancelledWaitHasSeenNothing) {
  run([]() -> Task<> {
    auto [sender, receiver] = watch(1);
    auto first = co_await when_any(receiver.changed(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    std::vector<int> log;
    std::error_code error;
    JoinHandle<> watching =
        spawn(watch_and_note, std::ref(receiver), std::ref(log), std::ref(error));
    co_await let_others_run();
    sender.send(2);
    watching.abort();  // before the task has run
    EXPECT_FALSE((co_await watching).has_value());
    EXPECT_TRUE(receiver.has_changed());

    auto yield_first = [](WatchReceiver<int>& from) -> Task<> {
      for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(0s);
      (void)co_await from.changed();
    };
    JoinHandle<> yielding = spawn(yield_first, std::ref(receiver));
    co_await yield_now();
    yielding.abort();
    EXPECT_FALSE((co_await yielding).has_value());
    EXPECT_TRUE(receiver.has_changed());
  });
}

TEST(Watch, AReceiverThatGoesRefusesTheWaitsByIt) {
  run([]() -> Task<> {
    auto ends = watch(1);
    std::optional<WatchReceiver<int>> receiver(std::move(ends.second));
    std::vector<int> log;
    std::error_code error;
    JoinHandle<> watching =
        spawn(watch_and_note, std::ref(*receiver), std::ref(log), std::ref(error));
    co_await let_others_run();
    receiver.reset();
    EXPECT_TRUE((co_await watching).has_value());
    EXPECT_EQ(error, std::errc::operation_canceled);
    ends.first.send(2);
    EXPECT_EQ(ends.first.get(), 2);
  });
}

TEST(Watch, DestroysAValueWhenItIsReplacedAndTheLastOneWithItself) {
  const auto first = std::make_shared<int>(1);
  const auto second = std::make_shared<int>(2);
  {
    auto ends = watch(first);
    EXPECT_EQ(first.use_count(), 2);
    ends.first.send(second);
    EXPECT_EQ(first.use_count(), 1);
    {
      const auto gone = std::move(ends.first);
    }
    EXPECT_EQ(*ends.second.get(), 2);
    EXPECT_EQ(second.use_count(), 2);
  }
  EXPECT_EQ(second.use_count(), 1);
}

TEST(Watch, IsUnchangedIfModifyThrows) {
  auto [sender, receiver] = watch(1);
  EXPECT_THROW(sender.modify([](int& value) {
    value = 2;
    throw std::runtime_error("of modify");
  }),
               std::runtime_error);
  EXPECT_FALSE(receiver.has_changed());
  EXPECT_EQ(receiver.get(), 1);
}

TEST(Watch, ReceiversOfOtherThreadsSeeNewerAndNewerValuesAndTheLastOne) {
  constexpr int kLast = 20'000;
  std::atomic<long> wrong{0};
  {
    std::vector<std::jthread> threads;
    auto ends = watch(std::vector<int>(4, 0));
    WatchSender<std::vector<int>> sender = std::move(ends.first);
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([receiver = sender.subscribe(), &wrong]() mutable {
        auto see = [&]() -> Task<> {
          int last = 0;
          while (co_await receiver.changed()) {
            const std::vector<int> seen = receiver.get();
            if (seen != std::vector<int>(4, seen[0]) || seen[0] < last) ++wrong;
            last = seen[0];
          }
          if (last != kLast) ++wrong;
        };
        run(see);
      });
    }
    for (int i = 1; i <= kLast; ++i) {
      if (i % 2 == 0) {
        sender.send(std::vector<int>(4, i));
      } else {
        sender.modify([](std::vector<int>& value) {
          for (int& number : value) ++number;
        });
      }
    }
    {
      const auto gone = std::move(sender);
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(WatchDeathTest, StopsIfTasksOfTwoThreadsWaitByOneReceiverOrItWasMovedFrom) {
  auto wait_by_two = [] {
    auto ends = watch<int>(0);
    auto wait = [&]() -> Task<> { (void)co_await ends.second.changed(); };
    std::jthread first([&] { run(wait); });
    std::jthread second([&] { run(wait); });
  };
  EXPECT_DEATH(wait_by_two(), "tasks of two threads receive by one receiver");
  auto [sender, receiver] = watch<int>(0);
  const WatchReceiver<int> moved = std::move(receiver);
  // NOLINTNEXTLINE(bugprone-use-after-move): that is the test
  EXPECT_DEATH((void)receiver.has_changed(), "had been moved from");
}

}  // namespace
}  // namespace eddy
