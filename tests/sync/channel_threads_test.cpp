// A channel between threads.
// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::Lives;
using test::run;
using test::succeeded;
using test::Value;

constexpr int kSenders = 3;
constexpr int kEach = 3'000;

/// Which of the values of all senders have come, and how often out of order.
class Arrivals {
 public:
  void note(const Value& value) {
    ++counts_[static_cast<std::size_t>(value.number())];
    int& last = last_[static_cast<std::size_t>(value.number() / kEach)];
    if (value.number() <= last) ++disorder_;
    last = value.number();
  }
  long number() const {
    long sum = 0;
    for (const int count : counts_) sum += count;
    return sum;
  }
  bool none_twice() const {
    for (const int count : counts_) {
      if (count > 1) return false;
    }
    return true;
  }
  bool in_order() const { return disorder_ == 0; }
  bool has(int number) const { return counts_[static_cast<std::size_t>(number)] != 0; }

 private:
  std::vector<int> counts_ = std::vector<int>(std::size_t{kSenders} * kEach);
  std::vector<int> last_ = std::vector<int>(kSenders, -1);
  long disorder_ = 0;
};

Task<> send_each(Sender<Value> sender, int first, Lives& lives) {
  for (int i = 0; i < kEach; ++i) {
    EXPECT_TRUE(succeeded(co_await sender.send(Value(first + i, lives))));
  }
}

Task<> reserve_each(Sender<Value> sender, int first, Lives& lives) {
  for (int i = 0; i < kEach; ++i) {
    Result<SendPermit<Value>> permit = co_await sender.reserve();
    EXPECT_TRUE(succeeded(permit));
    permit->send(Value(first + i, lives));
  }
}

Task<> send_in_batches(Sender<Value> sender, int first, Lives& lives) {
  for (int sent = 0; sent < kEach;) {
    std::vector<Value> values;
    for (int i = 0; i < 10; ++i) values.emplace_back(first + sent++, lives);
    std::span<Value> rest = values;
    EXPECT_TRUE(succeeded(co_await sender.send_all(rest)));
  }
}

Task<> receive_all(Receiver<Value>& receiver, Arrivals& arrivals) {
  for (;;) {
    const Result<Value> value = co_await receiver.receive();
    if (!value) co_return;
    arrivals.note(*value);
  }
}

Task<> receive_all_in_batches(Receiver<Value>& receiver, Arrivals& arrivals) {
  std::vector<Value> values;
  for (;;) {
    const Result<std::size_t> count = co_await receiver.receive_many(values, 7);
    if (!count) co_return;
    EXPECT_EQ(*count, values.size());
    for (const Value& value : values) arrivals.note(value);
    values.clear();
  }
}

class ChannelThreads : public testing::TestWithParam<std::size_t> {
 protected:
  ~ChannelThreads() override { EXPECT_TRUE(lives.all_ended_once()); }

  /// Runs `send(sender, first number)` on each of `kSenders` threads, and `receive` on this one.
  template <class Send, class Receive>
  static void exchange(std::size_t capacity, Send send, Receive receive) {
    auto ends = channel<Value>(capacity);
    std::optional<Receiver<Value>> receiver(std::move(ends.second));
    std::vector<std::jthread> threads;
    {
      const Sender<Value> first = std::move(ends.first);
      for (int i = 0; i < kSenders; ++i) {
        threads.emplace_back(
            [i, sender = first, &send]() mutable { block_on(send(std::move(sender), i * kEach)); });
      }
    }
    block_on(receive(receiver));
  }

  Lives lives;
};

TEST_P(ChannelThreads, LoseNoValueAndKeepTheOrderOfEachSender) {
  Arrivals arrivals;
  exchange(
      GetParam(),
      [&](Sender<Value> sender, int first) { return send_each(std::move(sender), first, lives); },
      [&](std::optional<Receiver<Value>>& receiver) { return receive_all(*receiver, arrivals); });
  EXPECT_EQ(arrivals.number(), kSenders * kEach);
  EXPECT_TRUE(arrivals.none_twice());
  EXPECT_TRUE(arrivals.in_order());
}

TEST_P(ChannelThreads, LoseNoValueByPermitsSendsAndBatchesTogether) {
  Arrivals arrivals;
  exchange(
      GetParam(),
      [&](Sender<Value> sender, int first) {
        if (first == 0) return send_each(std::move(sender), first, lives);
        if (first == kEach) return reserve_each(std::move(sender), first, lives);
        return send_in_batches(std::move(sender), first, lives);
      },
      [&](std::optional<Receiver<Value>>& receiver) {
        return receive_all_in_batches(*receiver, arrivals);
      });
  EXPECT_EQ(arrivals.number(), kSenders * kEach);
  EXPECT_TRUE(arrivals.none_twice());
  EXPECT_TRUE(arrivals.in_order());
}

/// Sends each value with a limit that often passes. Notes in `sent` which of them were sent.
Task<> send_impatiently(Sender<Value> sender, int first, Lives& lives, std::vector<char>& sent) {
  for (int i = 0; i < kEach; ++i) {
    Value value(first + i, lives);
    if (i % 3 == 0) {
      const auto limited = co_await timeout(0s, sender.send(std::move(value)));
      if (limited) sent[static_cast<std::size_t>(first + i)] = 1;
    } else if (i % 3 == 1) {
      const auto any = co_await when_any(sender.send(std::move(value)), yield_now());
      if (any.index() == 0) sent[static_cast<std::size_t>(first + i)] = 1;
    } else {
      auto permit = co_await timeout(0s, sender.reserve());
      if (permit) {
        permit->send(std::move(value));
        sent[static_cast<std::size_t>(first + i)] = 1;
      }
    }
  }
}

Task<> receive_impatiently(Receiver<Value>& receiver, Arrivals& arrivals) {
  for (;;) {
    const auto any = co_await when_any(receiver.receive(), yield_now());
    if (any.index() == 1) continue;
    const Result<Value>& value = std::get<0>(any);
    if (!value) co_return;
    arrivals.note(*value);
  }
}

TEST_P(ChannelThreads, LoseAndDoubleNothingWhileBothSidesAreCancelledAllTheTime) {
  Arrivals arrivals;
  std::vector<char> sent(std::size_t{kSenders} * kEach);
  exchange(
      GetParam(),
      [&](Sender<Value> sender, int first) {
        return send_impatiently(std::move(sender), first, lives, sent);
      },
      [&](std::optional<Receiver<Value>>& receiver) {
        return receive_impatiently(*receiver, arrivals);
      });
  EXPECT_TRUE(arrivals.none_twice());
  EXPECT_TRUE(arrivals.in_order());
  for (int i = 0; i < kSenders * kEach; ++i) {
    // A send that was cancelled may have sent: the value and the cancel went past each other.
    const bool was_sent = sent[static_cast<std::size_t>(i)] != 0;
    EXPECT_TRUE(!was_sent || arrivals.has(i)) << i;
  }
}

TEST_P(ChannelThreads, EndWhenTheReceiverGoesWhileSendsWait) {
  std::atomic<int> closed{0};
  exchange(
      GetParam(),
      [&](Sender<Value> sender, int first) {
        auto send = [this, first, &closed](Sender<Value> by) -> Task<> {
          for (int i = 0; i < kEach; ++i) {
            const Result<> sent = co_await by.send(Value(first, lives));
            if (sent) continue;
            EXPECT_TRUE(failed_with(sent, Error::closed));
            ++closed;
            co_return;
          }
        };
        return [](auto function, Sender<Value> by) -> Task<> { co_await function(std::move(by)); }(
                                                       send, std::move(sender));
      },
      [&](std::optional<Receiver<Value>>& receiver) {
        return [](std::optional<Receiver<Value>>& from) -> Task<> {
          for (int i = 0; i < 100; ++i) EXPECT_TRUE((co_await from->receive()).has_value());
          from.reset();
        }(receiver);
      });
  EXPECT_EQ(closed.load(), kSenders);
}

INSTANTIATE_TEST_SUITE_P(OfCapacity, ChannelThreads, testing::Values(1, 2, 64),
                         [](const auto& of) { return std::to_string(of.param); });

TEST(ChannelBetweenThreads, AReceiveIsEndedByTheLastSenderOfAnotherThread) {
  for (int round = 0; round < 200; ++round) {
    auto ends = channel<int>(1);
    Receiver<int> receiver = std::move(ends.second);
    std::jthread thread(
        [sender = std::move(ends.first)]() mutable { const Sender<int> gone = std::move(sender); });
    run([&]() -> Task<> { EXPECT_TRUE(failed_with(co_await receiver.receive(), Error::closed)); });
  }
}

TEST(ChannelBetweenThreads, ASenderMayBeDestroyedByAnotherThreadThanThatOfItsWaits) {
  Lives lives;
  for (int round = 0; round < 200; ++round) {
    auto ends = channel<Value>(1);
    EXPECT_TRUE(succeeded(ends.first.try_send(Value(0, lives))));
    std::optional<Sender<Value>> sender(ends.first);
    std::atomic<bool> waits{false};
    std::jthread thread([&] {
      auto send = [&]() -> Task<> {
        auto operation = sender->send(Value(1, lives));
        auto tell = [&]() -> Task<> {  // runs once this task waits
          waits = true;
          co_return;
        };
        spawn(tell).detach();
        EXPECT_TRUE(succeeded(co_await std::move(operation)));
      };
      run(send);
    });
    while (!waits) std::this_thread::yield();
    sender.reset();
    EXPECT_EQ(ends.second.try_receive().value().number(), 0);
    thread.join();
    EXPECT_EQ(ends.second.try_receive().value().number(), 1);
  }
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(ChannelBetweenThreadsDeathTest, AReceiverThatGoesWhileATaskOfAnotherThreadReceivesStops) {
  auto destroy = [](bool value_comes) {
    auto ends = channel<int>(1);
    std::optional<Receiver<int>> receiver(std::move(ends.second));
    std::atomic<bool> waits{false};
    std::jthread thread([&] {
      run([&]() -> Task<> {
        auto receive = [&]() -> Task<> { (void)co_await receiver->receive(); };
        JoinHandle<> receiving = spawn(receive);
        auto tell = [&]() -> Task<> {  // runs once that task waits
          waits = true;
          while (waits) std::this_thread::yield();
          co_return;
        };
        spawn(tell).detach();
        (void)co_await receiving;
      });
    });
    while (!waits) std::this_thread::yield();
    if (value_comes) (void)ends.first.try_send(7);
    receiver.reset();
    waits = false;
  };
  for (const bool value_comes : {false, true}) {
    EXPECT_DEATH(destroy(value_comes),
                 "the receiver of a channel was destroyed while a task of another");
  }
}

TEST(ChannelBetweenThreadsDeathTest, TasksOfTwoThreadsThatReceiveAtOnceStop) {
  auto receive_by_two = [] {
    auto ends = channel<int>(1);
    auto receive = [&]() -> Task<> { (void)co_await ends.second.receive(); };
    std::jthread first([&] { run(receive); });
    std::jthread second([&] { run(receive); });
  };
  EXPECT_DEATH(receive_by_two(), "tasks of two threads receive from one channel");
}

TEST(ChannelBetweenThreads, ManyTasksOfManyThreadsShareOneSender) {
  constexpr int kTasks = 50;
  Lives lives;
  long got = 0;
  {
    auto ends = channel<Value>(2);
    std::optional<Sender<Value>> sender(std::move(ends.first));
    std::vector<std::jthread> threads;
    std::atomic<int> running{kSenders};
    for (int i = 0; i < kSenders; ++i) {
      threads.emplace_back([&] {
        auto all = [&]() -> Task<> {
          std::vector<JoinHandle<>> handles;
          auto send = [&](int number) -> Task<> {
            EXPECT_TRUE(succeeded(co_await sender->send(Value(number, lives))));
          };
          for (int k = 0; k < kTasks; ++k) handles.push_back(spawn(send, k));
          for (JoinHandle<>& handle : handles) EXPECT_TRUE((co_await handle).has_value());
        };
        run(all);
        if (--running == 0) sender.reset();
      });
    }
    run([&]() -> Task<> {
      for (;;) {
        const Result<Value> value = co_await ends.second.receive();
        if (!value) co_return;
        ++got;
      }
    });
  }
  EXPECT_EQ(got, kSenders * kTasks);
  EXPECT_TRUE(lives.all_ended_once());
}

}  // namespace
}  // namespace eddy
