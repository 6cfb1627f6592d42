// Messages to the loop of a thread.
// SPDX-License-Identifier: MIT
#include "eddy/worker/inbox.hpp"

#include "eddy/task/block_on.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/worker.hpp"

#include "support/run.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using detail::Inbox;
using detail::Worker;
using test::run;

/// A counted reference to the inbox of this thread.
class InboxRef {
 public:
  InboxRef() : inbox_(&Worker::current().inbox()) { inbox_->retain(); }
  InboxRef(const InboxRef& other) : inbox_(other.inbox_) { inbox_->retain(); }
  InboxRef& operator=(const InboxRef&) = delete;
  ~InboxRef() { inbox_->release(); }

  Inbox* operator->() const { return inbox_; }

 private:
  Inbox* inbox_;
};

class Message final : public detail::Message {
 public:
  explicit Message(std::function<void()> on_delivery) : on_delivery_(std::move(on_delivery)) {}

  void deliver(Worker& worker) noexcept override {
    EXPECT_EQ(&worker, Worker::current_if_any());
    ++delivered;
    on_delivery_();
  }
  void drop() noexcept override { ++dropped; }

  int delivered = 0;
  int dropped = 0;

 private:
  std::function<void()> on_delivery_;
};

TEST(Inbox, AMessageOfAnotherThreadIsDeliveredOnTheThreadOfTheInboxWhileNoTaskRuns) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    std::thread::id where;
    bool task_ran = true;
    Message message([&] {
      where = std::this_thread::get_id();
      task_ran = Worker::current().running() != nullptr;
      waker.wake();
    });
    std::thread([&, inbox = InboxRef()] { EXPECT_TRUE(inbox->post(message)); }).join();
    EXPECT_EQ(message.delivered, 0);
    while (message.delivered == 0) co_await suspend();
    EXPECT_EQ(where, std::this_thread::get_id());
    EXPECT_FALSE(task_ran);
  });
}

TEST(Inbox, AMessageEndsThePark) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    std::atomic<test::ThreadId> self = 0;
    Message message([&] { waker.wake(); });
    const std::jthread other([&, inbox = InboxRef()] {
      test::wait_until_asleep(self);
      EXPECT_TRUE(inbox->post(message));
    });
    self = test::this_thread_id();
    while (message.delivered == 0) co_await suspend();
  });
}

TEST(Inbox, MessagesOfOneThreadAreDeliveredInTheOrderOfTheirPosts) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    std::vector<int> order;
    const auto note = [&](int number) {
      return [&, number] {
        order.push_back(number);
        waker.wake();
      };
    };
    Message first(note(1));
    Message second(note(2));
    Message third(note(3));
    std::thread([&, inbox = InboxRef()] {
      for (Message* message : {&first, &second, &third}) EXPECT_TRUE(inbox->post(*message));
    }).join();
    while (order.size() < 3) co_await suspend();
    EXPECT_EQ(order, (std::vector{1, 2, 3}));
  });
}

TEST(Inbox, TasksRunBetweenTheDeliveriesOfAMessageThatPostsItself) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    const InboxRef inbox;
    int turns = 0;
    Message* self = nullptr;
    Message message([&] {
      waker.wake();
      if (turns < 9) {
        EXPECT_TRUE(inbox->post(*self));
      }
    });
    self = &message;
    EXPECT_TRUE(inbox->post(message));
    for (; turns < 10; ++turns) {
      co_await suspend();
      EXPECT_EQ(message.delivered, turns + 1);
    }
  });
}

TEST(Inbox, AMessageThatWasNotDeliveredIsDroppedWithTheThreadAndLaterOnesAreRefused) {
  Message message([] {});
  Message late([] {});
  std::optional<InboxRef> inbox;
  std::thread([&] {
    Worker::current();
    inbox.emplace();
    EXPECT_TRUE((*inbox)->post(message));
  }).join();
  EXPECT_EQ(message.dropped, 1);
  EXPECT_EQ(message.delivered, 0);
  EXPECT_FALSE((*inbox)->post(late));
  EXPECT_EQ(late.dropped + late.delivered, 0);
}

TEST(Inbox, EachMessageOfManyThreadsIsDeliveredOrDroppedOrRefusedOnce) {
  constexpr int kThreads = 3;
  constexpr int kMessages = 500;
  constexpr int kWanted = kThreads * kMessages / 2;
  std::promise<InboxRef> promise;
  std::deque<Message> messages;
  int delivered = 0;
  std::function<void()> on_delivery;
  for (int i = 0; i < kThreads * kMessages; ++i) messages.emplace_back([&] { on_delivery(); });
  // The thread ends when half of them have come.
  std::thread loop([&] {
    run([&]() -> Task<> {
      const Waker waker = co_await current_waker();
      on_delivery = [&, waker] {
        if (++delivered == kWanted) waker.wake();
      };
      promise.set_value(InboxRef());
      while (delivered < kWanted) co_await suspend();
    });
  });
  const InboxRef inbox = promise.get_future().get();
  std::array<int, kThreads> refused{};
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (std::size_t i = 0; i < kMessages; ++i) {
          if (!inbox->post(messages[t * kMessages + i])) ++refused[t];
        }
      });
    }
  }
  loop.join();
  int ended = 0;
  for (const Message& message : messages) {
    EXPECT_LE(message.delivered + message.dropped, 1);
    ended += message.delivered + message.dropped;
  }
  for (const int some : refused) ended += some;
  EXPECT_EQ(ended, kThreads * kMessages);
  EXPECT_GE(delivered, kWanted);
}

}  // namespace
}  // namespace eddy
