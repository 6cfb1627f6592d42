// Whom a WaitList wakes, and in which order.
// SPDX-License-Identifier: MIT
#include "eddy/core/wait_list.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace eddy::detail {
namespace {

/// A task that waits in a list.
struct Waiting {
  explicit Waiting(WaitList& list) { list.add(*node, waiter); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() { cancel(); }

  void cancel() {
    waiter.unlink();
    waiter.state = Waiter::State::done;
    node.reset();
  }

  Waiter waiter;
  std::unique_ptr<WaitNode> node = std::make_unique<WaitNode>();
};

TEST(WaitList, WakesTheOldestFirst) {
  ReadyQueue ready;
  WaitList list;
  Waiting first(list);
  Waiting second(list);
  EXPECT_TRUE(list.wake_one(ready));
  EXPECT_EQ(ready.pop(), &first.waiter);
  first.node->accept();
  EXPECT_TRUE(list.wake_one(ready));
  EXPECT_EQ(ready.pop(), &second.waiter);
  second.node->accept();
  EXPECT_FALSE(list.wake_one(ready));
}

TEST(WaitList, PassesAWakeOnIfTheChosenTaskIsCancelled) {
  ReadyQueue ready;
  WaitList list;
  Waiting first(list);
  Waiting second(list);
  Waiting third(list);
  EXPECT_TRUE(list.wake_one(ready));
  second.cancel();
  first.cancel();
  EXPECT_EQ(ready.pop(), &third.waiter);
  third.node->accept();
}

TEST(WaitList, DoesNotPassOnAWakeThatWasAccepted) {
  ReadyQueue ready;
  WaitList list;
  Waiting first(list);
  const Waiting second(list);
  EXPECT_TRUE(list.wake_one(ready));
  EXPECT_EQ(ready.pop(), &first.waiter);
  first.node->accept();
  first.cancel();
  EXPECT_TRUE(ready.empty());
}

TEST(WaitList, AddsATaskAgainThatWasWokenInVain) {
  ReadyQueue ready;
  WaitList list;
  Waiting first(list);
  Waiting second(list);
  list.wake_all(ready);
  EXPECT_EQ(ready.pop(), &first.waiter);
  first.waiter.state = Waiter::State::idle;
  list.add(*first.node, first.waiter);
  EXPECT_EQ(ready.pop(), &second.waiter);
  second.cancel();
  EXPECT_TRUE(list.wake_one(ready));
  EXPECT_EQ(ready.pop(), &first.waiter);
  first.node->accept();
}

TEST(WaitList, RefusesAllWhenItEnds) {
  ReadyQueue ready;
  std::optional<WaitList> list(std::in_place);
  Waiting first(*list);
  Waiting second(*list);
  EXPECT_FALSE(first.node->refused());
  EXPECT_TRUE(list->wake_one(ready));
  list->end(ready);
  list.reset();
  EXPECT_TRUE(first.node->refused());
  EXPECT_TRUE(second.node->refused());
  EXPECT_EQ(ready.pop(), &first.waiter);
  EXPECT_EQ(ready.pop(), &second.waiter);
}

}  // namespace
}  // namespace eddy::detail
