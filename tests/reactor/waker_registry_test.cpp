// SPDX-License-Identifier: MIT

#include "eddy/reactor/waker_registry.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace eddy {
namespace {

using detail::ReadyQueue;
using detail::Slot;
using detail::Waiter;

ReadyEvent readable(Token token) { return ReadyEvent{.token = token, .readable = true}; }
ReadyEvent writable(Token token) { return ReadyEvent{.token = token, .writable = true}; }

class WakerRegistryTest : public testing::Test {
 protected:
  ReadyQueue ready_;
  WakerRegistry registry_{ready_};
};

// In moduvex_runtime a second waiter of a direction replaced the first, which hung.
TEST_F(WakerRegistryTest, AnEdgeWakesEveryWaiterOfItsDirectionInOrder) {
  Slot& slot = registry_.insert(3);
  std::array<Waiter, 3> readers;
  Waiter writer;
  for (Waiter& reader : readers) slot.add(reader, Direction::read);
  slot.add(writer, Direction::write);

  registry_.wake_token(readable(WakerRegistry::token_of(slot)));

  for (Waiter& reader : readers) EXPECT_EQ(ready_.pop(), &reader);
  EXPECT_EQ(ready_.pop(), nullptr);
  EXPECT_EQ(writer.state, Waiter::State::idle);
  EXPECT_FALSE(readers[0].refused());
  writer.unlink();
}

TEST_F(WakerRegistryTest, AnEventForBothDirectionsWakesBoth) {
  Slot& slot = registry_.insert(3);
  Waiter reader;
  Waiter writer;
  slot.add(reader, Direction::read);
  slot.add(writer, Direction::write);
  registry_.wake_token(ReadyEvent{
      .token = WakerRegistry::token_of(slot), .readable = true, .writable = true, .error = true});
  EXPECT_EQ(ready_.pop(), &reader);
  EXPECT_EQ(ready_.pop(), &writer);
}

TEST_F(WakerRegistryTest, ARunningWaiterIsNotifiedAndNotQueued) {
  Waiter waiter;
  waiter.state = Waiter::State::running;
  ready_.wake(waiter);
  EXPECT_EQ(waiter.state, Waiter::State::notified);
  EXPECT_TRUE(ready_.empty());
}

TEST_F(WakerRegistryTest, WakesBeforeAWaiterRunsAreOneWake) {
  Waiter waiter;
  ready_.wake(waiter);
  ready_.wake(waiter);
  EXPECT_EQ(ready_.pop(), &waiter);
  EXPECT_EQ(ready_.pop(), nullptr);
}

TEST_F(WakerRegistryTest, WakingAWaiterThatIsDoneDoesNothing) {
  Waiter waiter;
  waiter.state = Waiter::State::done;
  ready_.wake(waiter);
  EXPECT_TRUE(ready_.empty());
}

TEST_F(WakerRegistryTest, AReusedSlotGetsNoEventOfItsPredecessor) {
  Slot& first = registry_.insert(3);
  const Token stale = WakerRegistry::token_of(first);
  registry_.remove(first);
  Slot& second = registry_.insert(3);
  ASSERT_EQ(&first, &second);  // else the test shows nothing
  Waiter waiter;
  second.add(waiter, Direction::read);

  registry_.wake_token(readable(stale));

  EXPECT_TRUE(ready_.empty());
  registry_.wake_token(readable(WakerRegistry::token_of(second)));
  EXPECT_EQ(ready_.pop(), &waiter);
}

TEST_F(WakerRegistryTest, EventsForTokensThatNoSlotHasAreIgnored) {
  Slot& slot = registry_.insert(3);
  Waiter waiter;
  slot.add(waiter, Direction::read);
  const Token own = WakerRegistry::token_of(slot);
  for (const Token token : {Token{0}, Token{1}, Token{0xffff'ffff}, own + 1, own + (Token{1} << 32),
                            own & 0xffff'ffff, ~Token{0}}) {
    registry_.wake_token(readable(token));
    registry_.remove_token(token);
  }
  EXPECT_TRUE(ready_.empty());
  EXPECT_EQ(registry_.size(), 1U);
  waiter.unlink();
}

TEST_F(WakerRegistryTest, RemovingATokenTwiceRemovesOnce) {
  Slot& slot = registry_.insert(3);
  const Token token = WakerRegistry::token_of(slot);
  registry_.remove_token(token);
  registry_.insert(4);
  registry_.remove_token(token);
  EXPECT_EQ(registry_.size(), 1U);
}

TEST_F(WakerRegistryTest, GenerationsNeverReachZero) {
  Slot& slot = registry_.insert(3);
  slot.generation = UINT32_MAX;
  registry_.remove(slot);
  Slot& next = registry_.insert(3);
  ASSERT_EQ(&next, &slot);
  EXPECT_EQ(next.generation, 1U);
}

TEST_F(WakerRegistryTest, WouldBlockEndsReadiness) {
  Slot& slot = registry_.insert(3);
  EXPECT_TRUE(slot.read.ready());  // until an attempt would block
  WakerRegistry::clear_ready(slot, Direction::read, WakerRegistry::mark(slot, Direction::read));
  EXPECT_FALSE(slot.read.ready());
  EXPECT_TRUE(slot.write.ready());
  registry_.wake_token(readable(WakerRegistry::token_of(slot)));
  EXPECT_TRUE(slot.read.ready());
}

TEST_F(WakerRegistryTest, AnEventDuringTheAttemptIsNotLost) {
  Slot& slot = registry_.insert(3);
  const std::uint64_t mark = WakerRegistry::mark(slot, Direction::read);
  registry_.wake_token(readable(WakerRegistry::token_of(slot)));
  WakerRegistry::clear_ready(slot, Direction::read, mark);
  EXPECT_TRUE(slot.read.ready());
}

TEST_F(WakerRegistryTest, EachDirectionCountsItsOwnEvents) {
  Slot& slot = registry_.insert(3);
  const std::uint64_t mark = WakerRegistry::mark(slot, Direction::read);
  registry_.wake_token(writable(WakerRegistry::token_of(slot)));
  WakerRegistry::clear_ready(slot, Direction::read, mark);
  EXPECT_FALSE(slot.read.ready());
}

TEST_F(WakerRegistryTest, AMarkIsNotReachedAgainAfterManyEvents) {
  for (const std::uint64_t events : {std::uint64_t{1} << 16, std::uint64_t{1} << 32}) {
    Slot& slot = registry_.insert(3);
    const std::uint64_t mark = WakerRegistry::mark(slot, Direction::read);
    slot.read.note_events(events - 1);
    registry_.wake_token(readable(WakerRegistry::token_of(slot)));
    WakerRegistry::clear_ready(slot, Direction::read, mark);
    EXPECT_TRUE(slot.read.ready()) << events << " events later";
    registry_.remove(slot);
  }
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST_F(WakerRegistryTest, RemovingASlotWakesAndRefusesItsWaiters) {
  Slot& slot = registry_.insert(3);
  Waiter reader;
  Waiter writer;
  slot.add(reader, Direction::read);
  slot.add(writer, Direction::write);
  registry_.remove(slot);
  EXPECT_EQ(ready_.pop(), &reader);
  EXPECT_EQ(ready_.pop(), &writer);
  EXPECT_TRUE(reader.refused() && writer.refused());
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST_F(WakerRegistryTest, RemovingASlotRefusesWaitersThatWereWokenAndHaveNotRun) {
  Slot& slot = registry_.insert(3);
  Waiter waiter;
  slot.add(waiter, Direction::read);
  registry_.wake_token(readable(WakerRegistry::token_of(slot)));
  EXPECT_FALSE(waiter.refused());
  registry_.remove(slot);
  EXPECT_NE(&registry_.insert(4), &slot);
  EXPECT_TRUE(waiter.refused());
}

TEST_F(WakerRegistryTest, ASlotIsUsedAgainOnceTheLastOfItsWaitersHasRun) {
  Slot& slot = registry_.insert(3);
  std::array<Waiter, 2> waiters;
  for (Waiter& waiter : waiters) slot.add(waiter, Direction::read);
  registry_.remove(slot);
  Slot& second = registry_.insert(4);
  EXPECT_NE(&second, &slot);
  EXPECT_FALSE(waiters[0].unwatch());
  EXPECT_NE(&registry_.insert(5), &slot);
  EXPECT_FALSE(waiters[1].unwatch());
  EXPECT_EQ(&registry_.insert(6), &slot);
}

TEST_F(WakerRegistryTest, SlotsThatAreStillWatchedAreUsedAgainOldestFirst) {
  std::array<Slot*, 3> slots{};
  std::array<Waiter, 3> waiters;
  for (std::size_t i = 0; i < 3; ++i) {
    slots[i] = &registry_.insert(static_cast<RawSource>(i));
    slots[i]->add(waiters[i], Direction::write);
  }
  for (Slot* slot : slots) registry_.remove(*slot);
  for (Waiter& waiter : waiters) EXPECT_FALSE(waiter.unwatch());
  for (Slot* slot : slots) EXPECT_EQ(&registry_.insert(9), slot);
  EXPECT_EQ(registry_.size(), 3U);
}

TEST_F(WakerRegistryTest, AnEventOfOneDirectionLeavesTheWaitersOfTheOtherInTheirOrder) {
  Slot& slot = registry_.insert(3);
  std::array<Waiter, 4> waiters;
  slot.add(waiters[0], Direction::read);
  slot.add(waiters[1], Direction::write);
  slot.add(waiters[2], Direction::read);
  slot.add(waiters[3], Direction::write);
  registry_.wake_token(writable(WakerRegistry::token_of(slot)));
  EXPECT_EQ(ready_.pop(), &waiters[1]);
  EXPECT_EQ(ready_.pop(), &waiters[3]);
  EXPECT_EQ(ready_.pop(), nullptr);
  registry_.wake_token(readable(WakerRegistry::token_of(slot)));
  EXPECT_EQ(ready_.pop(), &waiters[0]);
  EXPECT_EQ(ready_.pop(), &waiters[2]);
}

TEST_F(WakerRegistryTest, SlotsDoNotMove) {
  std::vector<Slot*> slots;
  for (int i = 0; i < 5000; ++i) slots.push_back(&registry_.insert(i));
  for (int i = 0; i < 5000; ++i) EXPECT_EQ(slots[static_cast<std::size_t>(i)]->source, i);
  EXPECT_EQ(registry_.size(), 5000U);
}

TEST_F(WakerRegistryTest, SlotsAreUsedAgain) {
  std::unordered_set<const Slot*> seen;
  std::unordered_set<Token> tokens;
  for (int i = 0; i < 1000; ++i) {
    Slot& a = registry_.insert(1);
    Slot& b = registry_.insert(2);
    EXPECT_TRUE(tokens.insert(WakerRegistry::token_of(a)).second);
    EXPECT_TRUE(tokens.insert(WakerRegistry::token_of(b)).second);
    seen.insert({&a, &b});
    registry_.remove(a);
    registry_.remove(b);
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST_F(WakerRegistryTest, ForEachVisitsTheSlotsInUse) {
  Slot& a = registry_.insert(1);
  registry_.insert(2);
  registry_.insert(3);
  registry_.remove(a);
  RawSource sum = 0;
  registry_.for_each([&](Slot& slot) { sum += slot.source; });
  EXPECT_EQ(sum, 5);
}

}  // namespace
}  // namespace eddy
