// SPDX-License-Identifier: MIT

#include "eddy/sync/channel.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::failed_with;
using test::Lives;
using test::run;
using test::succeeded;
using test::Value;

TEST(UnboundedChannel, GivesAllValuesInTheOrderInWhichTheyWereSent) {
  Lives lives;
  run([&]() -> Task<> {
    auto [sender, receiver] = unbounded_channel<Value>();
    int next_sent = 0;
    int next_got = 0;
    // Grows and shrinks over many blocks, by different steps.
    for (const int sends : {1, 1000, 3, 0, 500, 64, 64, 2000}) {
      for (int i = 0; i < sends; ++i) {
        EXPECT_TRUE(succeeded(sender.send(Value(next_sent++, lives))));
      }
      const std::size_t left = receiver.size() / 3;
      while (receiver.size() > left) {
        EXPECT_EQ((co_await receiver.receive()).value().number(), next_got++);
      }
    }
    EXPECT_EQ(lives.alive(), static_cast<long>(sender.size()));
    EXPECT_GT(receiver.size(), 0U);
  });
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(UnboundedChannel, LeavesTheValueWithTheCallerIfItIsClosed) {
  Lives lives;
  {
    auto ends = unbounded_channel<Value>();
    std::optional<Receiver<Value>> receiver(std::move(ends.second));
    for (int i = 0; i < 200; ++i) EXPECT_TRUE(succeeded(ends.first.send(Value(i, lives))));
    receiver.reset();
    EXPECT_EQ(lives.alive(), 0);
    Value value(1, lives);
    EXPECT_TRUE(failed_with(ends.first.send(std::move(value)), Error::closed));
    EXPECT_TRUE(value.owns());
    EXPECT_TRUE(ends.first.is_closed());
  }
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(UnboundedChannel, EndsWithItsLastSender) {
  run([]() -> Task<> {
    auto ends = unbounded_channel<int>();
    std::optional<UnboundedSender<int>> sender(std::move(ends.first));
    std::optional<UnboundedSender<int>> copy(*sender);
    const int one = 1;
    EXPECT_TRUE(succeeded(sender->send(one)));
    sender.reset();
    auto send_later = [&]() -> Task<> {
      for (int i = 0; i < 4; ++i) co_await yield_now();
      EXPECT_TRUE(succeeded(copy->send(2)));
      copy.reset();
    };
    spawn(send_later).detach();
    std::vector<int> got;
    while (const Result<int> value = co_await ends.second.receive()) got.push_back(*value);
    EXPECT_EQ(got, (std::vector{1, 2}));
  });
}

TEST(UnboundedChannel, LosesNothingBetweenThreads) {
  constexpr int kSenders = 3;
  constexpr int kEach = 20'000;
  Lives lives;
  std::vector<int> next(kSenders, 0);
  {
    auto ends = unbounded_channel<Value>();
    Receiver<Value> receiver = std::move(ends.second);
    std::vector<std::jthread> threads;
    {
      const UnboundedSender<Value> first = std::move(ends.first);
      for (int i = 0; i < kSenders; ++i) {
        threads.emplace_back([i, sender = first, &lives]() mutable {
          for (int k = 0; k < kEach; ++k) {
            EXPECT_TRUE(succeeded(sender.send(Value(i * kEach + k, lives))));
          }
        });
      }
    }
    run([&]() -> Task<> {
      for (;;) {
        const Result<Value> value = co_await receiver.receive();
        if (!value) co_return;
        const int sender = value->number() / kEach;
        EXPECT_EQ(value->number() % kEach, next[static_cast<std::size_t>(sender)]++);
      }
    });
  }
  for (const int count : next) EXPECT_EQ(count, kEach);
  EXPECT_TRUE(lives.all_ended_once());
}

}  // namespace
}  // namespace eddy
