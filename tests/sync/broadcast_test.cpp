// SPDX-License-Identifier: MIT

#include "eddy/sync/broadcast.hpp"

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

/// Appends what can be received; -1 stands for `Error::lagged`.
std::vector<int> drain(BroadcastReceiver<int>& receiver) {
  std::vector<int> got;
  for (;;) {
    const Result<int> value = receiver.try_receive();
    if (value) {
      got.push_back(*value);
    } else if (value.error() == Error::lagged) {
      got.push_back(-1);
    } else {
      return got;
    }
  }
}

Task<> receive_and_note(BroadcastReceiver<int>& receiver, std::vector<int>& log,
                        std::error_code& error) {
  for (;;) {
    const Result<int> value = co_await receiver.receive();
    if (!value) {
      error = value.error();
      co_return;
    }
    log.push_back(*value);
  }
}

TEST(Broadcast, GivesEachReceiverEachValueThatWasSentSinceItSubscribed) {
  auto [sender, first] = broadcast<int>(4);
  EXPECT_EQ(sender.send(1), 1U);
  auto second = sender.subscribe();
  EXPECT_EQ(sender.receivers(), 2U);
  EXPECT_EQ(sender.send(2), 2U);
  EXPECT_EQ(drain(first), (std::vector{1, 2}));
  EXPECT_EQ(drain(second), (std::vector{2}));
  EXPECT_EQ(drain(second), std::vector<int>{});
  EXPECT_EQ(sender.capacity(), 4U);
}

TEST(Broadcast, ACopyOfAReceiverGoesOnFromTheSamePlace) {
  auto [sender, first] = broadcast<int>(4);
  for (int i = 0; i < 3; ++i) sender.send(i);
  EXPECT_EQ(first.try_receive().value_or(-1), 0);
  auto second = first;
  sender.send(3);
  EXPECT_EQ(drain(first), (std::vector{1, 2, 3}));
  EXPECT_EQ(drain(second), (std::vector{1, 2, 3}));
  second = first;
  sender.send(4);
  EXPECT_EQ(drain(second), (std::vector{4}));
}

TEST(Broadcast, WakesAllReceiversThatWait) {
  run([]() -> Task<> {
    auto ends = broadcast<int>(4);
    std::optional<BroadcastSender<int>> sender(std::move(ends.first));
    std::optional<BroadcastSender<int>> copy(*sender);
    BroadcastReceiver<int> second = ends.second;
    std::vector<int> logs[2];
    std::error_code errors[2];
    JoinHandle<> a =
        spawn(receive_and_note, std::ref(ends.second), std::ref(logs[0]), std::ref(errors[0]));
    JoinHandle<> b =
        spawn(receive_and_note, std::ref(second), std::ref(logs[1]), std::ref(errors[1]));
    co_await let_others_run();
    sender->send(1);
    sender->send(2);
    co_await let_others_run();
    for (const auto& log : logs) EXPECT_EQ(log, (std::vector{1, 2}));
    sender.reset();
    co_await let_others_run();
    EXPECT_FALSE(a.finished());
    copy->send(3);
    copy.reset();
    EXPECT_TRUE((co_await a).has_value());
    EXPECT_TRUE((co_await b).has_value());
    for (const auto& log : logs) EXPECT_EQ(log, (std::vector{1, 2, 3}));
    for (const auto& error : errors) EXPECT_EQ(error, Error::closed);
  });
}

TEST(Broadcast, ASlowReceiverIsToldOnceHowManyValuesItMissed) {
  run([]() -> Task<> {
    auto [sender, slow] = broadcast<int>(3);
    for (int i = 0; i < 10; ++i) sender.send(i);
    EXPECT_EQ(slow.missed(), 0U);
    EXPECT_TRUE(failed_with(co_await slow.receive(), Error::lagged));
    EXPECT_EQ(slow.missed(), 7U);
    EXPECT_EQ((co_await slow.receive()).value_or(-1), 7);
    sender.send(10);
    EXPECT_EQ(drain(slow), (std::vector{8, 9, 10}));
    for (int i = 0; i < 4; ++i) sender.send(i);
    EXPECT_EQ(drain(slow), (std::vector{-1, 1, 2, 3}));
    EXPECT_EQ(slow.missed(), 1U);
  });
}

TEST(Broadcast, GivesWhatIsLeftAfterTheLastSenderIsGone) {
  auto ends = broadcast<int>(2);
  {
    BroadcastSender<int> sender = std::move(ends.first);
    for (int i = 0; i < 3; ++i) sender.send(i);
  }
  EXPECT_EQ(drain(ends.second), (std::vector{-1, 1, 2}));
  EXPECT_TRUE(failed_with(ends.second.try_receive(), Error::closed));
}

TEST(Broadcast, KeepsNoValueWithoutReceivers) {
  const auto value = std::make_shared<int>(7);
  auto ends = broadcast<std::shared_ptr<int>>(4);
  std::optional<BroadcastReceiver<std::shared_ptr<int>>> receiver(std::move(ends.second));
  for (int i = 0; i < 9; ++i) ends.first.send(value);
  EXPECT_EQ(value.use_count(), 5);
  receiver.reset();
  EXPECT_EQ(value.use_count(), 1);
  EXPECT_EQ(ends.first.send(value), 0U);
  EXPECT_EQ(value.use_count(), 1);
  receiver.emplace(ends.first.subscribe());
  EXPECT_TRUE(failed_with(receiver->try_receive(), Error::empty));
  EXPECT_EQ(ends.first.send(value), 1U);
  EXPECT_EQ(*receiver->try_receive().value(), 7);
}

TEST(Broadcast, AReceiveThatIsCancelledTakesNothing) {
  run([]() -> Task<> {
    auto [sender, receiver] = broadcast<int>(4);
    EXPECT_TRUE(failed_with(co_await timeout(1ms, receiver.receive()), Error::deadline_exceeded));
    auto first = co_await when_any(receiver.receive(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    std::vector<int> log;
    std::error_code error;
    JoinHandle<> receiving =
        spawn(receive_and_note, std::ref(receiver), std::ref(log), std::ref(error));
    co_await let_others_run();
    sender.send(7);
    receiving.abort();  // before the task has run
    EXPECT_FALSE((co_await receiving).has_value());
    EXPECT_EQ(drain(receiver), (std::vector{7}));
    {
      auto never_begins = receiver.receive();
    }
  });
}

TEST(Broadcast, AReceiveThatYieldsFirstTakesNothingIfItIsCancelled) {
  run([]() -> Task<> {
    auto [sender, receiver] = broadcast<int>(4);
    auto receive = [](BroadcastReceiver<int>& from) -> Task<> {
      for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(0s);
      EXPECT_EQ((co_await from.receive()).value_or(-1), 7);
    };
    sender.send(7);
    for (const bool aborts : {true, false}) {
      JoinHandle<> receiving = spawn(receive, std::ref(receiver));
      co_await yield_now();
      if (aborts) receiving.abort();
      EXPECT_NE((co_await receiving).has_value(), aborts);
    }
    EXPECT_EQ(drain(receiver), std::vector<int>{});
  });
}

TEST(Broadcast, AReceiverThatGoesRefusesOnlyTheReceivesThatWaitByIt) {
  run([]() -> Task<> {
    for (const bool value_comes : {false, true}) {
      auto ends = broadcast<int>(4);
      std::optional<BroadcastReceiver<int>> goes(ends.second);
      std::vector<int> logs[2];
      std::error_code errors[2];
      JoinHandle<> refused =
          spawn(receive_and_note, std::ref(*goes), std::ref(logs[0]), std::ref(errors[0]));
      JoinHandle<> stays =
          spawn(receive_and_note, std::ref(ends.second), std::ref(logs[1]), std::ref(errors[1]));
      co_await let_others_run();
      if (value_comes) ends.first.send(7);
      goes.reset();
      EXPECT_TRUE((co_await refused).has_value());
      EXPECT_EQ(errors[0], std::errc::operation_canceled);
      EXPECT_TRUE(logs[0].empty());
      EXPECT_EQ(ends.first.send(8), 1U);
      co_await let_others_run();
      EXPECT_EQ(logs[1].back(), 8);
      stays.abort();
    }
  });
}

/// Throws when it is copied for the first time.
struct ThrowsOnce {
  explicit ThrowsOnce(bool& to_throw) noexcept : throws(&to_throw) {}
  ThrowsOnce(const ThrowsOnce& other) : throws(other.throws) {
    if (std::exchange(*throws, false)) throw std::runtime_error("of a copy");
  }
  ThrowsOnce(ThrowsOnce&&) noexcept = default;

  bool* throws;
};

TEST(Broadcast, AValueWhoseCopyThrowsIsReceivedNextTime) {
  run([]() -> Task<> {
    bool throws = true;
    auto [sender, receiver] = broadcast<ThrowsOnce>(1);
    sender.send(ThrowsOnce(throws));
    EXPECT_THROW((void)co_await receiver.receive(), std::runtime_error);
    EXPECT_TRUE((co_await receiver.receive()).has_value());
    EXPECT_TRUE(failed_with(receiver.try_receive(), Error::empty));
  });
}

TEST(Broadcast, ReachesReceiversOfSeveralThreads) {
  constexpr int kReceivers = 3;
  constexpr int kValues = 20'000;
  std::atomic<long> wrong{0};
  {
    std::vector<std::jthread> threads;
    auto ends = broadcast<std::string>(64);
    BroadcastSender<std::string> sender = std::move(ends.first);
    for (int i = 0; i < kReceivers; ++i) {
      threads.emplace_back([receiver = sender.subscribe(), &wrong]() mutable {
        auto receive = [&]() -> Task<> {
          int next = 0;
          for (;;) {
            const Result<std::string> value = co_await receiver.receive();
            if (value) {
              if (*value != std::string(30, 'x') + std::to_string(next++)) ++wrong;
            } else if (value.error() == Error::lagged) {
              next += static_cast<int>(receiver.missed());
            } else {
              if (value.error() != Error::closed || next != kValues) ++wrong;
              co_return;
            }
          }
        };
        run(receive);
      });
    }
    for (int i = 0; i < kValues; ++i) sender.send(std::string(30, 'x') + std::to_string(i));
    {
      const BroadcastSender<std::string> gone = std::move(sender);
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Broadcast, SendersOfSeveralThreadsKeepTheirOrder) {
  constexpr int kSenders = 3;
  constexpr int kEach = 5'000;
  auto ends = broadcast<int>(kSenders * kEach);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kSenders; ++i) {
      threads.emplace_back([i, sender = ends.first]() mutable {
        for (int k = 0; k < kEach; ++k) sender.send(i * kEach + k);
      });
    }
  }
  std::vector<int> next(kSenders, 0);
  for (const int value : drain(ends.second)) {
    EXPECT_EQ(value % kEach, next[static_cast<std::size_t>(value / kEach)]++);
  }
  for (const int count : next) EXPECT_EQ(count, kEach);
}

TEST(Broadcast, AnOperationThatHasReceivedCountsNoMore) {
  auto ends = broadcast<int>(1);
  std::optional<BroadcastReceiver<int>> receiver(std::move(ends.second));
  run([&]() -> Task<> {
    auto send = [&]() -> Task<> {
      ends.first.send(7);
      co_return;
    };
    JoinHandle<> sending = spawn(send);
    auto operation = receiver->receive();
    EXPECT_EQ((co_await std::move(operation)).value(), 7);  // it has waited
    std::jthread([&] { receiver.reset(); }).join();
    EXPECT_TRUE((co_await sending).has_value());
  });
  EXPECT_EQ(ends.first.receivers(), 0U);
}

TEST(BroadcastDeathTest, StopsWithoutRoomForAValue) {
  EXPECT_DEATH((void)broadcast<int>(0), "a broadcast needs room for at least one value");
}

}  // namespace
}  // namespace eddy
