// SPDX-License-Identifier: MIT

#include "eddy/sync/oneshot.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/channels.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::let_others_run;
using test::Lives;
using test::run;
using test::succeeded;
using test::Value;

Task<> receive_into(OneshotReceiver<Value>& receiver, std::optional<Result<Value>>& out) {
  out.emplace(co_await receiver.receive());
}

class Oneshot : public testing::Test {
 protected:
  ~Oneshot() override { EXPECT_TRUE(lives.all_ended_once()); }

  Lives lives;
};

TEST_F(Oneshot, GivesTheValueWhetherItCameBeforeOrAfterTheReceiveBegan) {
  run([&]() -> Task<> {
    for (const bool before : {true, false}) {
      auto [sender, receiver] = oneshot<Value>();
      std::optional<Result<Value>> got;
      if (before) {
        EXPECT_TRUE(succeeded(sender.send(Value(7, lives))));
      }
      JoinHandle<> receiving = spawn(receive_into, std::ref(receiver), std::ref(got));
      co_await let_others_run();
      if (!before) {
        EXPECT_FALSE(got.has_value());
        EXPECT_TRUE(succeeded(sender.send(Value(7, lives))));
      }
      EXPECT_TRUE((co_await receiving).has_value());
      EXPECT_EQ(got->value().number(), 7);
      EXPECT_TRUE(failed_with(co_await receiver.receive(), Error::closed));
      EXPECT_TRUE(failed_with(receiver.try_receive(), Error::closed));
    }
  });
}

TEST_F(Oneshot, IsClosedIfTheSenderGoesWithoutSending) {
  run([&]() -> Task<> {
    auto ends = oneshot<Value>();
    std::optional<OneshotSender<Value>> sender(std::move(ends.first));
    std::optional<Result<Value>> got;
    EXPECT_TRUE(failed_with(ends.second.try_receive(), Error::empty));
    JoinHandle<> receiving = spawn(receive_into, std::ref(ends.second), std::ref(got));
    co_await let_others_run();
    sender.reset();
    EXPECT_TRUE((co_await receiving).has_value());
    EXPECT_TRUE(failed_with(*got, Error::closed));
  });
}

TEST_F(Oneshot, LeavesTheValueWithTheSenderIfTheReceiverIsGoneOrHasClosed) {
  for (const bool gone : {true, false}) {
    auto ends = oneshot<Value>();
    std::optional<OneshotReceiver<Value>> receiver(std::move(ends.second));
    Value value(7, lives);
    EXPECT_FALSE(ends.first.is_closed());
    if (gone) {
      receiver.reset();
    } else {
      receiver->close();
    }
    EXPECT_TRUE(ends.first.is_closed());
    EXPECT_TRUE(failed_with(ends.first.send(std::move(value)), Error::closed));
    EXPECT_TRUE(value.owns());
  }
}

TEST_F(Oneshot, DestroysAValueThatNobodyReceived) {
  auto ends = oneshot<Value>();
  {
    const OneshotReceiver<Value> receiver = std::move(ends.second);
    EXPECT_TRUE(succeeded(ends.first.send(Value(7, lives))));
    EXPECT_EQ(lives.alive(), 1);
  }
  EXPECT_EQ(lives.alive(), 0);
}

TEST_F(Oneshot, AReceiveThatIsCancelledLeavesTheValue) {
  run([&]() -> Task<> {
    auto [sender, receiver] = oneshot<Value>();
    EXPECT_TRUE(failed_with(co_await timeout(1ms, receiver.receive()), Error::deadline_exceeded));
    auto first = co_await when_any(receiver.receive(), yield_now());
    EXPECT_EQ(first.index(), 1U);
    std::optional<Result<Value>> got;
    JoinHandle<> receiving = spawn(receive_into, std::ref(receiver), std::ref(got));
    co_await let_others_run();
    EXPECT_TRUE(succeeded(sender.send(Value(7, lives))));
    receiving.abort();  // before the task has run
    EXPECT_FALSE((co_await receiving).has_value());
    EXPECT_FALSE(got.has_value());
    EXPECT_EQ(receiver.try_receive().value().number(), 7);
  });
}

TEST_F(Oneshot, AReceiverThatGoesRefusesTheReceiveThatWaitsByIt) {
  run([&]() -> Task<> {
    auto ends = oneshot<Value>();
    std::optional<OneshotReceiver<Value>> receiver(std::move(ends.second));
    std::optional<Result<Value>> got;
    JoinHandle<> receiving = spawn(receive_into, std::ref(*receiver), std::ref(got));
    co_await let_others_run();
    receiver.reset();
    EXPECT_TRUE((co_await receiving).has_value());
    EXPECT_TRUE(failed_with(*got, std::errc::operation_canceled));
  });
}

TEST_F(Oneshot, ClosedEndsWhenNobodyNeedsTheValueAnyMore) {
  run([&]() -> Task<> {
    auto ends = oneshot<Value>();
    std::optional<OneshotReceiver<Value>> receiver(std::move(ends.second));
    EXPECT_FALSE((co_await timeout(1ms, ends.first.closed())).has_value());
    auto reset = [&]() -> Task<> {
      receiver.reset();
      co_return;
    };
    spawn(reset).detach();
    co_await ends.first.closed();
    EXPECT_FALSE(receiver.has_value());
  });
}

struct Request {
  explicit Request(int number, OneshotSender<int> to) noexcept
      : question(number), reply(std::move(to)) {}

  int question;
  OneshotSender<int> reply;
};

TEST_F(Oneshot, CarriesTheAnswerToARequestOfAnotherThread) {
  auto ends = channel<Request>(4);
  std::jthread server([receiver = std::move(ends.second)]() mutable {
    auto serve = [](Receiver<Request> from) -> Task<> {
      for (;;) {
        Result<Request> request = co_await from.receive();
        if (!request) co_return;
        if (request->question % 7 == 0) continue;  // drops the sender
        EXPECT_TRUE(succeeded(request->reply.send(request->question * 2)));
      }
    };
    block_on(serve(std::move(receiver)));
  });
  auto ask = [](Sender<Request> sender) -> Task<> {
    for (int i = 1; i < 2'000; ++i) {
      auto [reply, answer] = oneshot<int>();
      EXPECT_TRUE(succeeded(co_await sender.send(Request(i, std::move(reply)))));
      const Result<int> got = co_await answer.receive();
      if (i % 7 == 0) {
        EXPECT_TRUE(failed_with(got, Error::closed));
      } else {
        EXPECT_EQ(got.value_or(0), i * 2);
      }
    }
  };
  block_on(ask(std::move(ends.first)));
}

TEST_F(Oneshot, LosesNothingIfTheReceiverGoesWhileAnotherThreadSends) {
  for (int round = 0; round < 500; ++round) {
    auto ends = oneshot<Value>();
    std::jthread sender([sender = std::move(ends.first), this]() mutable {
      Value value(7, lives);
      const Result<> sent = sender.send(std::move(value));
      EXPECT_NE(sent.has_value(), value.owns());
    });
    const OneshotReceiver<Value> gone = std::move(ends.second);
  }
}

using OneshotDeathTest = Oneshot;

TEST_F(OneshotDeathTest, ASecondValueStops) {
  auto [sender, receiver] = oneshot<int>();
  EXPECT_TRUE(succeeded(sender.send(1)));
  EXPECT_DEATH((void)sender.send(2), "a OneshotSender sends one value");
}

}  // namespace
}  // namespace eddy
