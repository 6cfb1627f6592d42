// The operations of a channel, cancelled at each point.
// SPDX-License-Identifier: MIT

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/channels.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::drain;
using test::failed_with;
using test::let_others_run;
using test::Lives;
using test::run;
using test::succeeded;
using test::Value;

Task<> send_one(Sender<Value>& sender, int number, Lives& lives) {
  (void)co_await sender.send(Value(number, lives));
}
Task<> send_all_of(Sender<Value>& sender, std::span<Value>& rest) {
  (void)co_await sender.send_all(rest);
}
Task<> reserve_and_send(Sender<Value>& sender, int number, Lives& lives) {
  Result<SendPermit<Value>> permit = co_await sender.reserve();
  if (permit) permit->send(Value(number, lives));
}
Task<> receive_one(Receiver<Value>& receiver, std::vector<int>& got) {
  const Result<Value> value = co_await receiver.receive();
  got.push_back(value ? value->number() : -1);
}

/// Uses up the budget of the running task, so that its next operation yields first.
Task<> use_up_budget() {
  for (int i = 0; i < detail::kBudget; ++i) co_await sleep_for(0s);
}

class ChannelCancel : public testing::Test {
 protected:
  ~ChannelCancel() override { EXPECT_TRUE(lives.all_ended_once()); }

  Lives lives;
};

TEST_F(ChannelCancel, ASendThatWaitsKeepsItsValue) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
    const auto late = co_await timeout(1ms, sender.send(Value(1, lives)));
    EXPECT_TRUE(failed_with(late, Error::deadline_exceeded));
    auto first = co_await when_any(sender.send(Value(2, lives)), yield_now());
    EXPECT_EQ(first.index(), 1U);
    JoinHandle<> aborted = spawn(send_one, std::ref(sender), 3, std::ref(lives));
    JoinHandle<> stays = spawn(send_one, std::ref(sender), 4, std::ref(lives));
    co_await let_others_run();
    EXPECT_EQ(lives.alive(), 3);
    aborted.abort();
    EXPECT_TRUE((co_await aborted).error().is_cancelled());
    EXPECT_EQ(lives.alive(), 2);
    EXPECT_EQ(drain(receiver), (std::vector{0, 4}));
    EXPECT_TRUE((co_await stays).has_value());
  });
}

TEST_F(ChannelCancel, ASendWhoseValueWasTakenHasSent) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
    JoinHandle<> sending = spawn(send_one, std::ref(sender), 1, std::ref(lives));
    co_await let_others_run();
    EXPECT_EQ(receiver.try_receive().value().number(), 0);
    sending.abort();  // before the task has run
    EXPECT_FALSE((co_await sending).has_value());
    EXPECT_EQ(drain(receiver), (std::vector{1}));
  });
}

TEST_F(ChannelCancel, ASendThatYieldsFirstSendsOnceOrNot) {
  run([&]() -> Task<> {
    for (const bool full : {false, true}) {
      auto [sender, receiver] = channel<Value>(1);
      if (full) {
        EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
      }
      auto send = [&](Sender<Value>& to) -> Task<> {
        co_await use_up_budget();
        (void)co_await to.send(Value(1, lives));
        ADD_FAILURE() << "the task was to be cancelled where it yields";
      };
      JoinHandle<> sending = spawn(send, std::ref(sender));
      co_await yield_now();
      sending.abort();
      EXPECT_FALSE((co_await sending).has_value());
      EXPECT_EQ(drain(receiver), (std::vector{full ? 0 : 1}));
    }
  });
}

TEST_F(ChannelCancel, ASendAllTellsTheRest) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::vector<Value> values;
    for (int i = 0; i < 5; ++i) values.emplace_back(i, lives);
    std::span<Value> rest = values;
    JoinHandle<> sending = spawn(send_all_of, std::ref(sender), std::ref(rest));
    co_await let_others_run();
    EXPECT_EQ(receiver.try_receive().value().number(), 0);
    EXPECT_EQ(receiver.try_receive().value().number(), 1);
    sending.abort();
    EXPECT_FALSE((co_await sending).has_value());
    EXPECT_FALSE(values[3].owns());
    EXPECT_TRUE(values[4].owns());
    EXPECT_EQ(rest.data(), &values[4]);
    EXPECT_EQ(rest.size(), 1U);
    EXPECT_EQ(drain(receiver), (std::vector{2, 3}));
    EXPECT_TRUE(succeeded(sender.try_send(Value(5, lives))));
  });
}

TEST_F(ChannelCancel, ASendAllOfNothingThatYieldsFirstChangesNothing) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    auto send_nothing = [](Sender<Value>& by) -> Task<> {
      co_await use_up_budget();
      std::span<Value> nothing;
      (void)co_await by.send_all(nothing);
      ADD_FAILURE() << "the task was to be cancelled where it yields";
    };
    JoinHandle<> sending = spawn(send_nothing, std::ref(sender));
    co_await yield_now();
    sending.abort();
    EXPECT_FALSE((co_await sending).has_value());
    EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
    EXPECT_TRUE(failed_with(sender.try_send(Value(1, lives)), Error::full));
    EXPECT_EQ(drain(receiver), (std::vector{0}));
    EXPECT_TRUE(failed_with(receiver.try_receive(), Error::empty));
  });
}

TEST_F(ChannelCancel, AReservationThatGotARoomPassesItOn) {
  run([&]() -> Task<> {
    for (const bool next_sends : {false, true}) {
      auto [sender, receiver] = channel<Value>(1);
      EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
      JoinHandle<> reserving = spawn(reserve_and_send, std::ref(sender), 1, std::ref(lives));
      co_await let_others_run();
      JoinHandle<> next = next_sends
                              ? spawn(send_one, std::ref(sender), 2, std::ref(lives))
                              : spawn(reserve_and_send, std::ref(sender), 2, std::ref(lives));
      co_await let_others_run();
      EXPECT_EQ(receiver.try_receive().value().number(), 0);
      EXPECT_TRUE(failed_with(sender.try_send(Value(3, lives)), Error::full));
      reserving.abort();
      EXPECT_FALSE((co_await reserving).has_value());
      EXPECT_TRUE((co_await next).has_value());
      EXPECT_EQ(drain(receiver), (std::vector{2}));
      EXPECT_TRUE(succeeded(sender.try_send(Value(4, lives))));
    }
  });
}

TEST_F(ChannelCancel, AReservationThatWaitsTakesNothing) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    EXPECT_TRUE(succeeded(sender.try_send(Value(0, lives))));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, sender.reserve()), Error::deadline_exceeded));
    EXPECT_EQ(drain(receiver), (std::vector{0}));
    EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
  });
}

TEST_F(ChannelCancel, AReservationThatYieldsFirstGivesTheRoomBack) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    auto reserve = [](Sender<Value>& by) -> Task<> {
      co_await use_up_budget();
      (void)co_await by.reserve();
    };
    JoinHandle<> reserving = spawn(reserve, std::ref(sender));
    co_await yield_now();
    EXPECT_TRUE(failed_with(sender.try_reserve(), Error::full));
    reserving.abort();
    EXPECT_FALSE((co_await reserving).has_value());
    EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
  });
}

TEST_F(ChannelCancel, AReceiveThatWasWokenLeavesTheValue) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::vector<int> got;
    JoinHandle<> receiving = spawn(receive_one, std::ref(receiver), std::ref(got));
    co_await let_others_run();
    EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
    receiving.abort();  // before the task has run
    EXPECT_FALSE((co_await receiving).has_value());
    EXPECT_TRUE(got.empty());
    EXPECT_EQ(drain(receiver), (std::vector{1}));
  });
}

TEST_F(ChannelCancel, AReceiveThatWasWokenWakesTheNextOne) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::vector<int> got;
    JoinHandle<> first = spawn(receive_one, std::ref(receiver), std::ref(got));
    JoinHandle<> second = spawn(receive_one, std::ref(receiver), std::ref(got));
    co_await let_others_run();
    EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
    first.abort();
    EXPECT_FALSE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(got, (std::vector{1}));
  });
}

TEST_F(ChannelCancel, AReceiveThatWaitsTakesNothing) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::vector<Value> many;
    EXPECT_TRUE(failed_with(co_await timeout(1ms, receiver.receive()), Error::deadline_exceeded));
    auto batch = receiver.receive_many(many, 3);
    EXPECT_TRUE(failed_with(co_await timeout(1ms, std::move(batch)), Error::deadline_exceeded));
    auto first = co_await when_any(receiver.receive(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
    EXPECT_EQ(drain(receiver), (std::vector{1}));
  });
}

TEST_F(ChannelCancel, AReceiveThatYieldsFirstLeavesTheValue) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    std::vector<int> got;
    for (const bool aborts : {true, false}) {
      EXPECT_TRUE(succeeded(sender.try_send(Value(1, lives))));
      auto receive = [&](Receiver<Value>& from) -> Task<> {
        co_await use_up_budget();
        co_await receive_one(from, got);
      };
      JoinHandle<> receiving = spawn(receive, std::ref(receiver));
      co_await yield_now();
      if (aborts) receiving.abort();
      EXPECT_NE((co_await receiving).has_value(), aborts);
      EXPECT_EQ(drain(receiver), aborts ? (std::vector{1}) : std::vector<int>{});
    }
    EXPECT_EQ(got, (std::vector{1}));
  });
}

TEST_F(ChannelCancel, AReceiveThatYieldsFirstMayFindItsReceiverGone) {
  run([&]() -> Task<> {
    auto ends = channel<Value>(1);
    EXPECT_TRUE(succeeded(ends.first.try_send(Value(1, lives))));
    std::optional<Receiver<Value>> receiver(std::move(ends.second));
    {
      const Sender<Value> gone = std::move(ends.first);
    }
    auto receive = [](Receiver<Value>& from) -> Task<> {
      co_await use_up_budget();
      EXPECT_TRUE(failed_with(co_await from.receive(), std::errc::operation_canceled));
    };
    JoinHandle<> receiving = spawn(receive, std::ref(*receiver));
    co_await yield_now();
    receiver.reset();
    EXPECT_TRUE((co_await receiving).has_value());
  });
}

TEST_F(ChannelCancel, OperationsThatNeverBeginTakeNothing) {
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(1);
    {
      auto send = sender.send(Value(1, lives));
    }
    {
      auto send = sender.send(Value(2, lives));
      auto moved = std::move(send);
      EXPECT_TRUE(succeeded(co_await std::move(moved)));
    }
    {
      auto reserve = sender.reserve();
    }
    {
      auto receive = receiver.receive();
    }
    {
      auto closed = sender.closed();
    }
    EXPECT_EQ(drain(receiver), (std::vector{2}));
    EXPECT_TRUE(succeeded(sender.try_send(Value(3, lives))));
  });
}

TEST_F(ChannelCancel, TheEndOfTheLoopEndsAllWaits) {
  auto ends = channel<Value>(1);
  EXPECT_TRUE(succeeded(ends.first.try_send(Value(0, lives))));
  auto other = channel<Value>(1);
  std::vector<int> got;
  run([&]() -> Task<> {
    spawn(send_one, std::ref(ends.first), 1, std::ref(lives)).detach();
    spawn(reserve_and_send, std::ref(ends.first), 2, std::ref(lives)).detach();
    spawn(receive_one, std::ref(other.second), std::ref(got)).detach();
    co_await let_others_run();
  });
  EXPECT_TRUE(got.empty());
  EXPECT_EQ(drain(ends.second), (std::vector{0}));
}

}  // namespace
}  // namespace eddy
