// Ends of channels on four threads: tasks are cancelled and ends destroyed while others use them.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/sync/broadcast.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/sync/oneshot.hpp"
#include "eddy/sync/watch.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace eddy {
namespace {

using test::failed_with;
using test::Lives;
using test::run;
using test::Value;

constexpr int kRounds = 60;
constexpr int kThreads = 4;

using Random = std::mt19937;

Task<> wait_a_while(Random& random) {
  for (auto yields = random() % 16; yields != 0; --yields) co_await yield_now();
}

/// Runs `f(number)` in three tasks, and cancels each of them sooner or later. Calls `end()`
/// between.
template <class F, class End>
Task<> run_and_cancel(Random& random, F f, End end) {
  std::vector<JoinHandle<>> tasks;
  for (int i = 0; i < 3; ++i) tasks.push_back(spawn(f, i));
  const auto ends_before = random() % 4;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    co_await wait_a_while(random);
    if (i == ends_before) end();
    tasks[i].abort();
  }
  for (JoinHandle<>& each : tasks) (void)co_await each;
  end();
}

/// Each thread runs `f(number, random)`.
template <class F>
void on_threads(int round, F f) {
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&f, i, round] {
      Random random(static_cast<unsigned>(round * kThreads + i));
      run([&] { return f(i, random); });
    });
  }
}

/// The numbers that came of each sender, which must rise.
class Arrivals {
 public:
  static constexpr int kEach = 1000;  ///< more than a task sends

  void note(int number) {
    int& last = last_[static_cast<std::size_t>(number / kEach)];
    EXPECT_GT(number, last);
    last = number;
    ++count_;
  }
  int count() const { return count_; }

 private:
  std::array<int, 16> last_ = [] {
    std::array<int, 16> none{};
    none.fill(-1);
    return none;
  }();
  int count_ = 0;
};

/// Sends in each way, until the channel is closed or the task cancelled.
Task<> send_until_closed(Sender<Value> by, int first, Lives& lives, std::atomic<int>& sent) {
  for (int i = 0; i + 3 < Arrivals::kEach; i += 4) {
    const Result<> one = co_await by.send(Value(first + i, lives));
    if (!one) co_return;
    ++sent;
    Result<SendPermit<Value>> permit = co_await by.reserve();
    if (!permit) co_return;
    permit->send(Value(first + i + 1, lives));
    ++sent;
    std::vector<Value> two;
    two.emplace_back(first + i + 2, lives);
    two.emplace_back(first + i + 3, lives);
    std::span<Value> rest = two;
    const Result<> all = co_await by.send_all(rest);
    if (!all) co_return;
    sent += 2;
  }
}

/// Receives until `receiver` is closed or gone, or the task cancelled.
Task<> receive_until_closed(std::optional<Receiver<Value>>& receiver, Arrivals& arrivals) {
  std::vector<Value> many;
  while (receiver) {
    const Result<Value> value = co_await receiver->receive();
    if (!value || !receiver) co_return;
    arrivals.note(value->number());
    const Result<std::size_t> count = co_await receiver->receive_many(many, 3);
    if (!count) co_return;
    for (const Value& each : many) arrivals.note(each.number());
    many.clear();
  }
}

TEST(EndsOnThreads, OfAChannelGoWhileTasksAreCancelled) {
  Lives lives;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    auto ends = channel<Value>(1 + static_cast<std::size_t>(round % 3));
    std::optional<Receiver<Value>> receiver(std::move(ends.second));
    std::array<std::optional<Sender<Value>>, kThreads> senders;
    for (int i = 1; i < kThreads; ++i) senders[static_cast<std::size_t>(i)].emplace(ends.first);
    {
      const Sender<Value> gone = std::move(ends.first);
    }
    Arrivals arrivals;
    std::atomic<int> sent = 0;
    on_threads(round, [&](int thread, Random& random) -> Task<> {
      if (thread == 0) {
        auto receive = [&](int) { return receive_until_closed(receiver, arrivals); };
        co_await run_and_cancel(random, receive, [&] { receiver.reset(); });
        co_return;
      }
      std::optional<Sender<Value>>& sender = senders[static_cast<std::size_t>(thread)];
      auto send = [&](int task) -> Task<> {
        if (!sender) co_return;
        if (task == 2) {
          co_await sender->closed();
        } else {
          co_await send_until_closed(*sender, (thread * 3 + task) * Arrivals::kEach, lives, sent);
        }
      };
      co_await run_and_cancel(random, send, [&] { sender.reset(); });
    });
    EXPECT_TRUE(lives.all_ended_once());
  }
}

// As above, but the receiver stays: then it gets all that was sent, and the end.
TEST(EndsOnThreads, OfSendersGoAndTheReceiverGetsAllAndTheEnd) {
  Lives lives;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    auto ends = channel<Value>(1 + static_cast<std::size_t>(round % 3));
    std::array<std::optional<Sender<Value>>, kThreads> senders;
    for (int i = 1; i < kThreads; ++i) senders[static_cast<std::size_t>(i)].emplace(ends.first);
    {
      const Sender<Value> gone = std::move(ends.first);
    }
    Arrivals arrivals;
    std::atomic<int> sent = 0;
    on_threads(round, [&](int thread, Random& random) -> Task<> {
      if (thread == 0) {
        for (;;) {
          const auto any = co_await when_any(ends.second.receive(), wait_a_while(random));
          if (any.index() == 1) continue;
          const Result<Value>& value = std::get<0>(any);
          if (!value) {
            EXPECT_TRUE(failed_with(value, Error::closed));
            co_return;
          }
          arrivals.note(value->number());
        }
      }
      std::optional<Sender<Value>>& sender = senders[static_cast<std::size_t>(thread)];
      auto send = [&](int task) -> Task<> {
        if (!sender) co_return;
        co_await send_until_closed(*sender, (thread * 3 + task) * Arrivals::kEach, lives, sent);
      };
      co_await run_and_cancel(random, send, [&] { sender.reset(); });
    });
    EXPECT_GE(arrivals.count(), sent.load());
    EXPECT_TRUE(lives.all_ended_once());
  }
}

TEST(EndsOnThreads, OfOneshotsGoWhileTasksAreCancelled) {
  Lives lives;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    struct Pair {
      std::pair<OneshotSender<Value>, OneshotReceiver<Value>> ends = oneshot<Value>();
      bool sent = false;
      bool got = false;
      bool dropped = false;
    };
    std::array<Pair, kThreads / 2> pairs;
    on_threads(round, [&](int thread, Random& random) -> Task<> {
      Pair& pair = pairs[static_cast<std::size_t>(thread / 2)];
      if (thread % 2 == 0) {
        std::optional<OneshotSender<Value>> sender(std::move(pair.ends.first));
        (void)co_await when_any(sender->closed(), wait_a_while(random));
        if (random() % 4 != 0) pair.sent = sender->send(Value(7, lives)).has_value();
        co_return;
      }
      std::optional<OneshotReceiver<Value>> receiver(std::move(pair.ends.second));
      for (auto tries = random() % 64;; --tries) {
        if (tries == 0) {
          pair.dropped = true;
          co_return;
        }
        const auto any = co_await when_any(receiver->receive(), wait_a_while(random));
        if (any.index() == 1) continue;
        pair.got = std::get<0>(any).has_value();
        co_return;
      }
    });
    for (const Pair& pair : pairs) EXPECT_TRUE(pair.dropped || pair.got == pair.sent);
    EXPECT_TRUE(lives.all_ended_once());
  }
}

// Two threads send. On two threads receivers are copied, cancelled and dropped.
TEST(EndsOnThreads, OfABroadcastGoWhileTasksAreCancelled) {
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    auto ends = broadcast<int>(1 + static_cast<std::size_t>(round % 8));
    std::array<std::optional<BroadcastSender<int>>, 2> senders{ends.first, ends.first};
    std::array<std::optional<BroadcastReceiver<int>>, 2> receivers{ends.second, ends.second};
    {
      const BroadcastSender<int> gone = std::move(ends.first);
    }
    on_threads(round, [&](int thread, Random& random) -> Task<> {
      if (thread < 2) {
        std::optional<BroadcastSender<int>>& sender = senders[static_cast<std::size_t>(thread)];
        for (int i = 0; i < 50; ++i) {
          sender->send(thread * Arrivals::kEach + i);
          if (random() % 4 == 0) co_await yield_now();
        }
        sender.reset();
        co_return;
      }
      std::optional<BroadcastReceiver<int>>& receiver =
          receivers[static_cast<std::size_t>(thread - 2)];
      auto receive = [&](int) -> Task<> {
        if (!receiver) co_return;
        BroadcastReceiver<int> own = *receiver;
        Arrivals arrivals;
        for (;;) {
          const Result<int> value = co_await own.receive();
          if (value) {
            arrivals.note(*value);
          } else if (value.error() == Error::closed) {
            co_return;
          } else {
            EXPECT_TRUE(failed_with(value, Error::lagged));
          }
        }
      };
      co_await run_and_cancel(random, receive, [&] { receiver.reset(); });
    });
  }
}

TEST(EndsOnThreads, OfAWatchGoWhileTasksAreCancelled) {
  constexpr int kLast = 100;
  for (int round = 0; round < kRounds && !HasFailure(); ++round) {
    auto ends = watch<int>(0);
    std::array<std::optional<WatchReceiver<int>>, kThreads> receivers;
    for (auto& receiver : receivers) receiver.emplace(ends.second);
    std::optional<WatchSender<int>> sender(std::move(ends.first));
    on_threads(round, [&](int thread, Random& random) -> Task<> {
      if (thread == 0) {
        for (int i = 1; i <= kLast; ++i) {
          sender->send(i);
          if (random() % 4 == 0) co_await yield_now();
        }
        sender.reset();
        co_return;
      }
      std::optional<WatchReceiver<int>>& receiver = receivers[static_cast<std::size_t>(thread)];
      auto watch_all = [&](int task) -> Task<> {
        if (!receiver) co_return;
        WatchReceiver<int> own = *receiver;
        for (int last = 0;;) {
          const auto any = co_await when_any(own.changed(), wait_a_while(random));
          if (any.index() == 1) continue;
          if (!std::get<0>(any)) {
            EXPECT_EQ(last, kLast) << "of task " << task;
            co_return;
          }
          const int now = own.get();
          EXPECT_GT(now, last);
          last = now;
        }
      };
      if (thread == 1) {
        co_await watch_all(0);
      } else {
        co_await run_and_cancel(random, watch_all, [&] { receiver.reset(); });
      }
    });
  }
}

}  // namespace
}  // namespace eddy
