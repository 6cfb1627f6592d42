// SPDX-License-Identifier: MIT

#include "eddy/sync/channel.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/channels.hpp"
#include "sync/lives.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <new>
#include <numeric>
#include <optional>
#include <span>
#include <string>
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

Task<> send_number(Sender<Value>& sender, int number, Lives& lives, std::error_code& error) {
  const Result<> sent = co_await sender.send(Value(number, lives));
  if (!sent) error = sent.error();
}

/// Sends `number`, and notes in `log` when that is done.
Task<> send_and_note(Sender<int>& sender, int number, std::vector<int>& log) {
  const Result<> sent = co_await sender.send(number);
  if (sent) log.push_back(number);
}

Task<> reserve_and_note(Sender<int>& sender, int number, std::vector<int>& log) {
  Result<SendPermit<int>> permit = co_await sender.reserve();
  if (!permit) co_return;
  log.push_back(number);
  permit->send(number);
}

Task<> receive_and_note(Receiver<int>& receiver, std::vector<int>& log) {
  const Result<int> value = co_await receiver.receive();
  log.push_back(value ? *value : -1);
}

TEST(Channel, GivesTheValuesInTheOrderInWhichTheyWereSent) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<std::string>(3);
    for (int round = 0; round < 5; ++round) {
      EXPECT_TRUE(succeeded(co_await sender.send("a")));
      EXPECT_TRUE(succeeded(co_await sender.send(std::string(100, 'b'))));
      EXPECT_EQ(receiver.size(), 2U);
      EXPECT_EQ((co_await receiver.receive()).value(), "a");
      EXPECT_EQ((co_await receiver.receive()).value(), std::string(100, 'b'));
    }
    EXPECT_EQ(sender.size(), 0U);
    EXPECT_EQ(sender.capacity(), 3U);
    EXPECT_EQ(receiver.capacity(), 3U);
  });
}

TEST(Channel, SendsWhatCannotBeCopied) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<std::unique_ptr<int>>(1);
    EXPECT_TRUE(succeeded(co_await sender.send(std::make_unique<int>(7))));
    const auto got = co_await receiver.receive();
    EXPECT_EQ(**got, 7);
  });
}

TEST(Channel, SendsWaitWhileItIsFullAndGoOnInTheirOrder) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(2);
    std::vector<int> sent;
    for (int i = 0; i < 6; ++i) {
      spawn(send_and_note, std::ref(sender), i, std::ref(sent)).detach();
    }
    co_await let_others_run();
    EXPECT_EQ(sent, (std::vector{0, 1}));
    for (int i = 0; i < 6; ++i) EXPECT_EQ((co_await receiver.receive()).value_or(-1), i);
    co_await let_others_run();
    EXPECT_EQ(sent, (std::vector{0, 1, 2, 3, 4, 5}));
  });
}

TEST(Channel, AReceivedValueMakesRoomForTheOldestWaitingSendAtOnce) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(1);
    std::vector<int> sent;
    for (int i = 0; i < 2; ++i) {
      spawn(send_and_note, std::ref(sender), i, std::ref(sent)).detach();
    }
    co_await let_others_run();
    EXPECT_EQ(receiver.try_receive().value_or(-1), 0);
    EXPECT_EQ(receiver.size(), 1U);  // before the task has run
    EXPECT_TRUE(failed_with(sender.try_send(7), Error::full));
  });
}

TEST(Channel, AReceiveWaitsForAValue) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(1);
    std::vector<int> got;
    spawn(receive_and_note, std::ref(receiver), std::ref(got)).detach();
    co_await let_others_run();
    EXPECT_TRUE(got.empty());
    EXPECT_TRUE(succeeded(co_await sender.send(7)));
    co_await let_others_run();
    EXPECT_EQ(got, (std::vector{7}));
  });
}

TEST(Channel, TrySendLeavesTheValueWithTheCallerIfItFails) {
  Lives lives;
  {
    auto [sender, receiver] = channel<Value>(1);
    Value first(1, lives);
    Value second(2, lives);
    EXPECT_TRUE(succeeded(sender.try_send(std::move(first))));
    EXPECT_FALSE(first.owns());
    EXPECT_TRUE(failed_with(sender.try_send(std::move(second)), Error::full));
    EXPECT_TRUE(second.owns());
    receiver.close();
    EXPECT_TRUE(failed_with(sender.try_send(std::move(second)), Error::closed));
    EXPECT_TRUE(second.owns());
    EXPECT_EQ(drain(receiver), (std::vector{1}));
  }
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, TryReceiveTellsAnEmptyChannelFromAClosedOne) {
  auto [sender, receiver] = channel<int>(2);
  const int copied = 7;
  EXPECT_TRUE(failed_with(receiver.try_receive(), Error::empty));
  EXPECT_TRUE(succeeded(sender.try_send(copied)));
  {
    const Sender<int> gone = std::move(sender);
  }
  EXPECT_EQ(receiver.try_receive().value_or(-1), 7);
  EXPECT_TRUE(failed_with(receiver.try_receive(), Error::closed));
}

TEST(Channel, IsClosedForTheReceiverOnceTheLastSenderIsGoneAndItIsEmpty) {
  run([]() -> Task<> {
    auto ends = channel<int>(4);
    Receiver<int> receiver = std::move(ends.second);
    std::optional<Sender<int>> first(std::move(ends.first));
    std::optional<Sender<int>> second(*first);
    EXPECT_TRUE(succeeded(co_await first->send(1)));
    first.reset();
    EXPECT_TRUE(succeeded(co_await second->send(2)));
    std::vector<int> got;
    for (int i = 0; i < 3; ++i) {
      spawn(receive_and_note, std::ref(receiver), std::ref(got)).detach();
    }
    co_await let_others_run();
    EXPECT_EQ(got, (std::vector{1, 2}));
    second.reset();
    co_await let_others_run();
    EXPECT_EQ(got, (std::vector{1, 2, -1}));
    EXPECT_TRUE(failed_with(co_await receiver.receive(), Error::closed));
  });
}

TEST(Channel, EndsAllSendsIfTheReceiverGoes) {
  Lives lives;
  run([&]() -> Task<> {
    auto ends = channel<Value>(1);
    Sender<Value> sender = std::move(ends.first);
    std::optional<Receiver<Value>> receiver(std::move(ends.second));
    std::error_code errors[2];
    EXPECT_TRUE(succeeded(co_await sender.send(Value(0, lives))));
    for (std::error_code& error : errors) {
      spawn(send_number, std::ref(sender), 1, std::ref(lives), std::ref(error)).detach();
    }
    co_await let_others_run();
    EXPECT_FALSE(sender.is_closed());
    receiver.reset();
    EXPECT_TRUE(sender.is_closed());
    EXPECT_EQ(lives.alive(), 2);  // those of the waiting sends
    co_await let_others_run();
    for (const std::error_code& error : errors) EXPECT_EQ(error, Error::closed);
    EXPECT_TRUE(failed_with(co_await sender.send(Value(3, lives)), Error::closed));
    EXPECT_TRUE(failed_with(co_await sender.reserve(), Error::closed));
  });
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, CloseRefusesSendsButLeavesTheValues) {
  Lives lives;
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::error_code error;
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(succeeded(co_await sender.send(Value(i, lives))));
    spawn(send_number, std::ref(sender), 2, std::ref(lives), std::ref(error)).detach();
    co_await let_others_run();
    receiver.close();
    co_await let_others_run();
    EXPECT_EQ(error, Error::closed);
    EXPECT_TRUE(failed_with(co_await sender.send(Value(3, lives)), Error::closed));
    EXPECT_EQ((co_await receiver.receive()).value().number(), 0);
    EXPECT_TRUE(failed_with(sender.try_send(Value(4, lives)), Error::closed));
    EXPECT_EQ((co_await receiver.receive()).value().number(), 1);
    EXPECT_TRUE(failed_with(co_await receiver.receive(), Error::closed));
  });
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, APermitSendsAfterCloseAndTheReceiverWaitsForIt) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(2);
    std::vector<int> got;
    auto sends = co_await sender.reserve();
    auto drops = co_await sender.reserve();
    receiver.close();
    for (int i = 0; i < 2; ++i) {
      spawn(receive_and_note, std::ref(receiver), std::ref(got)).detach();
    }
    co_await let_others_run();
    EXPECT_TRUE(got.empty());
    sends->send(7);
    co_await let_others_run();
    EXPECT_EQ(got, (std::vector{7}));
    drops->release();
    drops->release();
    co_await let_others_run();
    EXPECT_EQ(got, (std::vector{7, -1}));
  });
}

TEST(Channel, APermitCountsAsASender) {
  run([]() -> Task<> {
    auto ends = channel<int>(1);
    std::optional<Sender<int>> sender(std::move(ends.first));
    Result<SendPermit<int>> permit = sender->try_reserve();
    EXPECT_TRUE(failed_with(sender->try_reserve(), Error::full));
    sender.reset();
    EXPECT_TRUE(failed_with(ends.second.try_receive(), Error::empty));
    permit->send(7);
    EXPECT_EQ(ends.second.try_receive().value_or(-1), 7);
    EXPECT_TRUE(failed_with(ends.second.try_receive(), Error::closed));
    co_return;
  });
}

TEST(Channel, AValueSentByAPermitIsDestroyedIfTheReceiverIsGone) {
  Lives lives;
  {
    std::optional<SendPermit<Value>> permit;
    {
      auto [sender, receiver] = channel<Value>(1);
      permit.emplace(std::move(*sender.try_reserve()));
    }
    permit->send(Value(1, lives));
    EXPECT_TRUE(lives.all_ended_once());
  }
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, SendsAndReservationsGetRoomsInOneOrder) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(1);
    std::vector<int> log;
    EXPECT_TRUE(succeeded(sender.try_send(0)));
    for (int i = 1; i < 7; ++i) {
      if (i % 2 == 0) {
        spawn(send_and_note, std::ref(sender), i, std::ref(log)).detach();
      } else {
        spawn(reserve_and_note, std::ref(sender), i, std::ref(log)).detach();
      }
    }
    co_await let_others_run();
    for (int i = 0; i < 7; ++i) {
      EXPECT_EQ((co_await receiver.receive()).value_or(-1), i);
    }
    co_await let_others_run();
    EXPECT_EQ(log, (std::vector{1, 2, 3, 4, 5, 6}));
  });
}

TEST(Channel, ADroppedPermitGivesItsRoomToAWaitingSend) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(1);
    std::vector<int> sent;
    std::vector<int> got;
    {
      const auto permit = co_await sender.reserve();
      spawn(receive_and_note, std::ref(receiver), std::ref(got)).detach();
      spawn(send_and_note, std::ref(sender), 7, std::ref(sent)).detach();
      co_await let_others_run();
      EXPECT_TRUE(sent.empty());
    }
    co_await let_others_run();
    EXPECT_EQ(sent, (std::vector{7}));
    EXPECT_EQ(got, (std::vector{7}));
    EXPECT_TRUE(succeeded(sender.try_send(8)));
  });
}

TEST(Channel, SendAllAndReceiveManyMoveValuesInBatches) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(3);
    auto send_ten = [](Sender<int>& to) -> Task<> {
      std::vector<int> values{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
      std::span<int> rest = values;
      EXPECT_TRUE(succeeded(co_await to.send_all(rest)));
      EXPECT_TRUE(rest.empty());
      EXPECT_TRUE(succeeded(co_await to.send_all(rest)));
    };
    JoinHandle<> sending = spawn(send_ten, std::ref(sender));
    std::vector<int> got;
    EXPECT_EQ((co_await receiver.receive_many(got, 0)).value(), 0U);
    EXPECT_EQ((co_await receiver.receive_many(got, 2)).value(), 2U);
    EXPECT_EQ((co_await receiver.receive_many(got, 100)).value(), 3U);
    while (got.size() < 10) EXPECT_TRUE(succeeded(co_await receiver.receive_many(got, 100)));
    EXPECT_EQ(got, (std::vector{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
    EXPECT_TRUE((co_await sending).has_value());
    {
      const Sender<int> gone = std::move(sender);
    }
    EXPECT_TRUE(failed_with(co_await receiver.receive_many(got, 100), Error::closed));
  });
}

TEST(Channel, SendAllTellsWhatItHasNotSentIfTheChannelIsClosed) {
  Lives lives;
  run([&]() -> Task<> {
    auto [sender, receiver] = channel<Value>(2);
    std::vector<Value> values;
    for (int i = 0; i < 5; ++i) values.emplace_back(i, lives);
    auto send = [&](Sender<Value>& to) -> Task<> {
      std::span<Value> rest = values;
      EXPECT_TRUE(failed_with(co_await to.send_all(rest), Error::closed));
      EXPECT_EQ(rest.data(), &values[3]);
      EXPECT_EQ(rest.size(), 2U);
    };
    JoinHandle<> sending = spawn(send, std::ref(sender));
    co_await let_others_run();
    EXPECT_EQ((co_await receiver.receive()).value().number(), 0);
    receiver.close();
    EXPECT_TRUE((co_await sending).has_value());
    EXPECT_FALSE(values[2].owns());
    EXPECT_TRUE(values[3].owns() && values[4].owns());
    EXPECT_EQ(drain(receiver), (std::vector{1, 2}));
  });
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, ASenderMayGoWhileATaskWaitsByIt) {
  Lives lives;
  run([&]() -> Task<> {
    auto ends = channel<Value>(1);
    Receiver<Value> receiver = std::move(ends.second);
    std::optional<Sender<Value>> sender(std::move(ends.first));
    std::error_code error;
    EXPECT_TRUE(succeeded(co_await sender->send(Value(0, lives))));
    spawn(send_number, std::ref(*sender), 1, std::ref(lives), std::ref(error)).detach();
    co_await let_others_run();
    Sender<Value> moved(std::move(*sender));
    sender.reset();
    {
      const Sender<Value> goes = std::move(moved);
    }
    co_await let_others_run();
    EXPECT_EQ((co_await receiver.receive()).value().number(), 0);
    EXPECT_EQ((co_await receiver.receive()).value().number(), 1);
    EXPECT_FALSE(error);
    EXPECT_TRUE(failed_with(co_await receiver.receive(), Error::closed));
  });
  EXPECT_TRUE(lives.all_ended_once());
}

TEST(Channel, HandlesCanBeAssigned) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(1);
    Sender<int>& same = sender;
    sender = std::move(same);
    sender = same;
    EXPECT_TRUE(succeeded(sender.try_send(1)));
    auto [other, from_other] = channel<int>(1);
    sender = other;
    EXPECT_EQ(drain(receiver), (std::vector{1}));
    EXPECT_TRUE(failed_with(receiver.try_receive(), Error::closed));
    EXPECT_TRUE(succeeded(sender.try_send(2)));
    receiver = std::move(from_other);
    EXPECT_EQ(drain(receiver), (std::vector{2}));
    co_return;
  });
}

/// A message with the way to answer it.
struct Request {
  explicit Request(Sender<Request> back) noexcept : answer(std::move(back)) {}
  std::optional<Sender<Request>> answer;
};

TEST(Channel, AValueMayHoldAHandleOfItsOwnChannel) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<Request>(1);
    EXPECT_TRUE(succeeded(co_await sender.send(Request(sender))));
    EXPECT_TRUE(failed_with(sender.try_send(Request(sender)), Error::full));
    auto send = [](Sender<Request>& by) -> Task<> {
      EXPECT_TRUE(succeeded(co_await by.send(Request(by))));
    };
    JoinHandle<> sending = spawn(send, std::ref(sender));
    co_await let_others_run();
    EXPECT_TRUE((co_await receiver.receive()).has_value());
    EXPECT_TRUE((co_await sending).has_value());
    // What is left refers to the channel; the receiver destroys it.
  });
}

/// A request that is copied where it would be moved, because its destructor is declared.
struct CopiedRequest {
  explicit CopiedRequest(Sender<CopiedRequest> back) noexcept : answer(std::move(back)) {}
  CopiedRequest(const CopiedRequest&) = default;
  CopiedRequest& operator=(const CopiedRequest&) = default;
  ~CopiedRequest() {
  }  // NOLINT(modernize-use-equals-default): that would not be declared by the user

  Sender<CopiedRequest> answer;
};

TEST(Channel, AMoveOfAValueMayCopyAHandleOfItsOwnChannel) {
  auto [sender, receiver] = channel<CopiedRequest>(1);
  EXPECT_TRUE(succeeded(sender.try_send(CopiedRequest(sender))));
  EXPECT_TRUE(receiver.try_receive().has_value());
  EXPECT_TRUE(failed_with(receiver.try_receive(), Error::empty));
}

TEST(Channel, ASendAllOfVeryManyLetsOtherTasksRun) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(20'000);
    std::vector<int> log;
    auto send = [&]() -> Task<> {
      std::vector<int> values(10'000, 1);
      std::span<int> rest = values;
      EXPECT_TRUE(succeeded(co_await sender.send_all(rest)));
      log.push_back(static_cast<int>(receiver.size()));
    };
    auto look = [&]() -> Task<> {
      log.push_back(static_cast<int>(receiver.size()));
      co_return;
    };
    JoinHandle<> sending = spawn(send);
    JoinHandle<> looking = spawn(look);
    EXPECT_TRUE((co_await looking).has_value());
    EXPECT_TRUE((co_await sending).has_value());
    EXPECT_EQ(log.size(), 2U);
    EXPECT_LT(log[0], 10'000);
    EXPECT_EQ(log[1], 10'000);
  });
}

TEST(Channel, ASendAllThatLetsOthersRunCountsAsASender) {
  for (const bool receiver_goes : {false, true}) {
    run([&]() -> Task<> {
      auto ends = channel<int>(5'000);
      std::optional<Sender<int>> sender(std::move(ends.first));
      std::optional<Receiver<int>> receiver(std::move(ends.second));
      std::size_t unsent = 0;
      auto send = [&]() -> Task<> {
        std::vector<int> values(4'000, 1);
        std::span<int> rest = values;
        const Result<> sent = co_await sender->send_all(rest);
        EXPECT_EQ(sent.has_value(), !receiver_goes);
        unsent = rest.size();
      };
      JoinHandle<> sending = spawn(send);
      co_await yield_now();  // that task has sent some of them
      EXPECT_LT(receiver->size(), 4'000U);
      sender.reset();
      std::vector<int> got;
      EXPECT_TRUE((co_await receiver->receive_many(got, 4'000)).has_value());
      if (receiver_goes) {
        receiver.reset();
      } else {
        while (got.size() < 4'000)
          EXPECT_TRUE(succeeded(co_await receiver->receive_many(got, 100)));
        EXPECT_TRUE(failed_with(co_await receiver->receive(), Error::closed));
      }
      EXPECT_TRUE((co_await sending).has_value());
      EXPECT_EQ(got.size() + unsent, 4'000U);
    });
  }
}

/// A vector of these cannot grow while `fails`.
template <class T>
struct FailingAllocator {
  using value_type = T;
  explicit FailingAllocator(const bool& allocation_fails) noexcept : fails(&allocation_fails) {}
  template <class U>
  FailingAllocator(const FailingAllocator<U>& other) noexcept : fails(other.fails) {}
  T* allocate(std::size_t count) {
    if (*fails) throw std::bad_alloc();
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* at, std::size_t count) noexcept { std::allocator<T>().deallocate(at, count); }
  bool operator==(const FailingAllocator&) const = default;

  const bool* fails;
};

TEST(Channel, AReceiveManyThatThrowsTakesNothingAndWakesTheNextReceive) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(2);
    const bool fails = true;
    bool thrown = false;
    auto receive_many = [](Receiver<int>& from, const bool& no_memory, bool& out) -> Task<> {
      std::vector<int, FailingAllocator<int>> into{FailingAllocator<int>(no_memory)};
      try {
        (void)co_await from.receive_many(into, 2);
      } catch (const std::bad_alloc&) {
        out = true;
      }
    };
    std::vector<int> log;
    JoinHandle<> first =
        spawn(receive_many, std::ref(receiver), std::cref(fails), std::ref(thrown));
    co_await let_others_run();
    JoinHandle<> second = spawn(receive_and_note, std::ref(receiver), std::ref(log));
    co_await let_others_run();
    EXPECT_TRUE(succeeded(co_await sender.send(7)));
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_TRUE(thrown);
    EXPECT_EQ(log, (std::vector{7}));
  });
}

TEST(Channel, MovesMoreValuesThanOneHoldOfItsFlagAllows) {
  run([]() -> Task<> {
    constexpr int kCount = 1000;
    auto [sender, receiver] = channel<int>(kCount - 1);
    auto send = [](Sender<int>& by) -> Task<> {
      std::vector<int> values(kCount);
      std::iota(values.begin(), values.end(), 0);
      std::span<int> rest = values;
      EXPECT_TRUE(succeeded(co_await by.send_all(rest)));
    };
    JoinHandle<> sending = spawn(send, std::ref(sender));
    co_await let_others_run();
    EXPECT_EQ(receiver.size(), static_cast<std::size_t>(kCount) - 1);
    std::vector<int> got;
    EXPECT_EQ((co_await receiver.receive_many(got, kCount)).value(),
              static_cast<std::size_t>(kCount) - 1);
    EXPECT_EQ((co_await receiver.receive_many(got, kCount)).value(), 1U);
    EXPECT_TRUE((co_await sending).has_value());
    EXPECT_EQ(got.size(), static_cast<std::size_t>(kCount));
    EXPECT_TRUE(std::ranges::is_sorted(got));
  });
}

TEST(Channel, AReceiverThatGoesRefusesTheReceivesThatWaitByIt) {
  run([]() -> Task<> {
    for (const bool value_comes : {false, true}) {
      auto ends = channel<int>(1);
      std::optional<Receiver<int>> receiver(std::move(ends.second));
      std::error_code error;
      auto receive = [](Receiver<int>& from, std::error_code& out) -> Task<> {
        const Result<int> got = co_await from.receive();
        if (!got) out = got.error();
      };
      spawn(receive, std::ref(*receiver), std::ref(error)).detach();
      co_await let_others_run();
      if (value_comes) {
        EXPECT_TRUE(succeeded(ends.first.try_send(7)));
      }
      receiver.reset();
      co_await let_others_run();
      EXPECT_EQ(error, std::errc::operation_canceled);
    }
  });
}

TEST(Channel, ClosedWaitsUntilTheReceiverIsGoneOrCloses) {
  run([]() -> Task<> {
    auto ends = channel<int>(1);
    std::optional<Receiver<int>> receiver(std::move(ends.second));
    EXPECT_FALSE((co_await timeout(1ms, ends.first.closed())).has_value());
    auto reset = [&]() -> Task<> {
      receiver.reset();
      co_return;
    };
    spawn(reset).detach();
    co_await ends.first.closed();
    EXPECT_FALSE(receiver.has_value());
    co_await ends.first.closed();

    auto [sender, closes] = channel<int>(1);
    closes.close();
    co_await sender.closed();
  });
}

TEST(Channel, MayBeSharedByTwoReceivingTasks) {
  run([]() -> Task<> {
    auto [sender, receiver] = channel<int>(2);
    std::vector<int> got;
    for (int i = 0; i < 3; ++i) {
      spawn(receive_and_note, std::ref(receiver), std::ref(got)).detach();
    }
    co_await let_others_run();
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(succeeded(co_await sender.send(i)));
    // Takes the value for which another task was woken; that task waits again.
    EXPECT_TRUE(receiver.try_receive().has_value());
    co_await let_others_run();
    EXPECT_EQ(got.size(), 2U);
    EXPECT_TRUE(succeeded(co_await sender.send(3)));
    co_await let_others_run();
    EXPECT_EQ(got.size(), 3U);
  });
}

TEST(Channel, IsUsedWithOk) {
  const auto use = []() -> Task<Result<int>> {
    auto [sender, receiver] = channel<int>(1);
    co_await ok(sender.send(7));
    const int seven = co_await ok(receiver.receive());
    {
      const Sender<int> gone = std::move(sender);
    }
    co_return seven + co_await ok(receiver.receive());
  };
  EXPECT_TRUE(failed_with(run(use), Error::closed));
}

TEST(Channel, DestroysWhatIsLeftAfterBothSidesAreGone) {
  for (const bool receiver_first : {false, true}) {
    Lives lives;
    {
      auto ends = channel<Value>(3);
      std::optional<Sender<Value>> sender(std::move(ends.first));
      std::optional<Receiver<Value>> receiver(std::move(ends.second));
      for (int i = 0; i < 3; ++i) EXPECT_TRUE(succeeded(sender->try_send(Value(i, lives))));
      EXPECT_EQ(receiver->try_receive()->number(), 0);
      EXPECT_TRUE(succeeded(sender->try_send(Value(3, lives))));
      if (receiver_first) {
        receiver.reset();
        EXPECT_TRUE(lives.all_ended_once());
      } else {
        sender.reset();
        EXPECT_EQ(lives.alive(), 3);
      }
    }
    EXPECT_TRUE(lives.all_ended_once());
  }
}

TEST(Channel, RunsNoDestructorOfAValueWithItsFlagTaken) {
  // The destructor of the value uses the channel: it would wait for the flag for ever.
  struct Uses {
    explicit Uses(Sender<Uses>* to) noexcept : sender(to) {}
    Uses(Uses&& other) noexcept : sender(other.sender) {}
    ~Uses() {
      EXPECT_LE(sender->size(), 2U);
      (void)sender->is_closed();
    }
    Sender<Uses>* sender;
  };
  run([]() -> Task<> {
    auto ends = channel<Uses>(2);
    std::optional<Receiver<Uses>> receiver(std::move(ends.second));
    Sender<Uses>& sender = ends.first;
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(succeeded(co_await sender.send(Uses(&sender))));
      EXPECT_TRUE((co_await receiver->receive()).has_value());
    }
    std::vector<Uses> got;
    EXPECT_TRUE(succeeded(co_await sender.send(Uses(&sender))));
    EXPECT_TRUE(succeeded(co_await receiver->receive_many(got, 2)));
    EXPECT_TRUE(succeeded(co_await sender.send(Uses(&sender))));
    receiver.reset();
    EXPECT_TRUE(failed_with(co_await sender.send(Uses(&sender)), Error::closed));
  });
}

TEST(ChannelDeathTest, StopsWithoutRoomForAValue) {
  EXPECT_DEATH((void)channel<int>(0), "a channel needs room for at least one value");
}

TEST(ChannelDeathTest, AHandleThatWasMovedFromStops) {
  auto [sender, receiver] = channel<int>(1);
  const Sender<int> to = std::move(sender);
  const Receiver<int> from = std::move(receiver);
  // NOLINTBEGIN(bugprone-use-after-move): that is the test
  EXPECT_DEATH((void)sender.try_send(1), "had been moved from");
  EXPECT_DEATH((void)receiver.try_receive(), "had been moved from");
  // NOLINTEND(bugprone-use-after-move)
}

TEST(ChannelDeathTest, APermitThatSendsTwiceStops) {
  auto [sender, receiver] = channel<int>(2);
  Result<SendPermit<int>> permit = sender.try_reserve();
  permit->send(1);
  EXPECT_DEATH(permit->send(2), "a SendPermit sends one value");
}

}  // namespace
}  // namespace eddy
