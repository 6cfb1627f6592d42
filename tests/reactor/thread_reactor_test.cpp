// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"
#include "eddy/reactor/reactor.hpp"

#include "support/descriptors.hpp"
#include "support/reactor.hpp"
#include "support/result.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::count_descriptors;
using test::succeeded;

TEST(ThreadReactor, LendsTheSameReactorEachTime) {
  const Reactor* first = with_reactor([](const Reactor& reactor) { return &reactor; });
  const Reactor* second = with_reactor_mut([](Reactor& reactor) { return &reactor; });
  EXPECT_EQ(first, second);
}

TEST(ThreadReactor, EachThreadHasAReactorOfItsOwn) {
  const Reactor* here = with_reactor([](const Reactor& reactor) { return &reactor; });
  const Reactor* there = nullptr;
  std::thread([&] {
    there = with_reactor([](const Reactor& reactor) { return &reactor; });
  }).join();
  EXPECT_NE(there, nullptr);
  EXPECT_NE(here, there);
}

TEST(ThreadReactor, IsMadeAtFirstUseAndDestroyedWithItsThread) {
  if (!test::kReactorsAreDescriptors) GTEST_SKIP() << "a reactor is no descriptor here";
  const std::size_t before = count_descriptors();
  std::thread([&] {
    EXPECT_EQ(detail::thread_reactor_if_any(), nullptr);
    with_reactor([](const Reactor&) {});
    EXPECT_NE(detail::thread_reactor_if_any(), nullptr);
    EXPECT_GT(count_descriptors(), before);
  }).join();
  EXPECT_EQ(count_descriptors(), before);
}

TEST(ThreadReactor, WithReactorReturnsWhatItsFunctionReturns) {
  EXPECT_EQ(with_reactor([](const Reactor&) { return 42; }), 42);
  int x = 0;
  int& lent = with_reactor_mut([&](Reactor&) -> int& { return x; });
  EXPECT_EQ(&lent, &x);
}

TEST(ThreadReactor, SharedBorrowsMayBeNested) {
  with_reactor([](const Reactor& outer) {
    with_reactor([&](const Reactor& inner) { EXPECT_EQ(&outer, &inner); });
  });
  with_reactor_mut([](Reactor&) {});  // no borrow is left
}

TEST(ThreadReactor, ABorrowEndsWithAnException) {
  EXPECT_THROW(with_reactor_mut([](Reactor&) { throw 1; }), int);
  EXPECT_THROW(with_reactor([](const Reactor&) { throw 1; }), int);
  EXPECT_EQ(with_reactor_mut([](Reactor&) { return 1; }), 1);
}

class ThreadReactorDeathTest : public testing::Test {
 protected:
  ThreadReactorDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ThreadReactorDeathTest, AnExclusiveBorrowInsideAnyOtherStopsTheProgram) {
  EXPECT_EXIT(with_reactor([](const Reactor&) { with_reactor_mut([](Reactor&) {}); }),
              testing::KilledBySignal(SIGABRT), "with_reactor_mut was called inside with_reactor");
  EXPECT_EXIT(with_reactor_mut([](Reactor&) { with_reactor_mut([](Reactor&) {}); }),
              testing::KilledBySignal(SIGABRT), "borrowed again inside with_reactor_mut");
}

TEST_F(ThreadReactorDeathTest, ASharedBorrowInsideAnExclusiveOneStopsTheProgram) {
  EXPECT_EXIT(with_reactor_mut([](Reactor&) { with_reactor([](const Reactor&) {}); }),
              testing::KilledBySignal(SIGABRT), "borrowed again inside with_reactor_mut");
}

TEST_F(ThreadReactorDeathTest, IfTheKernelRefusesTheProgramStopsWithTheReason) {
  if (!test::NoDescriptorsLeft::kPossible) GTEST_SKIP() << "this system sets no limit";
  EXPECT_EXIT(
      {
        const test::NoDescriptorsLeft none;
        with_reactor([](const Reactor&) {});
      },
      testing::KilledBySignal(SIGABRT), "cannot open the reactor of this thread: Too many open");
}

TEST(Reactor, CreateGivesTheKernelsError) {
  if (!test::NoDescriptorsLeft::kPossible) GTEST_SKIP() << "this system sets no limit";
  const auto created = [] {
    const test::NoDescriptorsLeft none;
    detail::ReadyQueue ready;
    return Reactor::create(ready);
  }();
  EXPECT_TRUE(test::failed_with(created, std::errc::too_many_files_open));
}

TEST(Reactor, PollReportsTokensOfCallersUnchanged) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  detail::ReadyQueue ready;
  Reactor reactor = std::move(Reactor::create(ready).value());
  Events events = events_with_capacity(8);
  for (const Token token : {Token{0}, Token{1}, Token{0xffff'ffff}}) {
    ASSERT_TRUE(succeeded(reactor.register_source(pipe.writer.raw(), token, Interest::writable)));
    ASSERT_EQ(reactor.poll(events, 0ns).value(), 1U);
    EXPECT_EQ(events[0].token, token);
    EXPECT_TRUE(ready.empty());
    ASSERT_TRUE(succeeded(reactor.deregister(pipe.writer.raw())));
  }
}

TEST(Reactor, PollRawReportsAndWakesNobody) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  detail::ReadyQueue ready;
  Reactor reactor = std::move(Reactor::create(ready).value());
  WakerRegistry::Slot& slot = reactor.wakers().insert(pipe.writer.raw());
  ASSERT_TRUE(succeeded(reactor.register_source(pipe.writer.raw(), WakerRegistry::token_of(slot),
                                                Interest::writable)));
  detail::Waiter waiter;
  slot.add(waiter, Direction::write);
  Events events = events_with_capacity(8);

  EXPECT_EQ(reactor.poll_raw(events, 0ns).value(), 1U);
  EXPECT_TRUE(ready.empty());
  EXPECT_EQ(waiter.state, detail::Waiter::State::idle);

  ASSERT_TRUE(succeeded(
      reactor.reregister(pipe.writer.raw(), WakerRegistry::token_of(slot), Interest::writable)));
  EXPECT_EQ(reactor.poll(events, 0ns).value(), 1U);
  EXPECT_EQ(ready.pop(), &waiter);
  EXPECT_EQ(waiter.state, detail::Waiter::State::scheduled);
}

// moduvex_runtime dropped the waiters of a deregistered source without waking them.
TEST(Reactor, DeregisteringWithATokenWakesAndRefusesItsWaiters) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  detail::ReadyQueue ready;
  Reactor reactor = std::move(Reactor::create(ready).value());
  WakerRegistry::Slot& slot = reactor.wakers().insert(pipe.reader.raw());
  const Token token = WakerRegistry::token_of(slot);
  ASSERT_TRUE(succeeded(reactor.register_source(pipe.reader.raw(), token, Interest::readable)));
  detail::Waiter reader;
  detail::Waiter writer;
  slot.add(reader, Direction::read);
  slot.add(writer, Direction::write);

  EXPECT_TRUE(succeeded(reactor.deregister_with_token(pipe.reader.raw(), token)));

  EXPECT_EQ(ready.pop(), &reader);
  EXPECT_EQ(ready.pop(), &writer);
  EXPECT_TRUE(reader.refused());
  EXPECT_TRUE(writer.refused());
  EXPECT_EQ(reactor.wakers().size(), 0U);
}

// In moduvex_runtime the token of signals was also that of a worker's wake.
TEST(Reactor, TokensOfTheRegistryNeverEqualThoseOfCallers) {
  detail::ReadyQueue ready;
  Reactor reactor = std::move(Reactor::create(ready).value());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_GT(WakerRegistry::token_of(reactor.wakers().insert(i)), Token{0xffff'ffff});
  }
}

// In moduvex_runtime the token of signals was also that of a worker's wake.
TEST(Reactor, ANotificationIsNotReportedAsAnEvent) {
  detail::ReadyQueue ready;
  Reactor reactor = std::move(Reactor::create(ready).value());
  const PlatformReactor::Notifier notifier = std::move(reactor.create_notifier().value());
  const Pipe pipe = std::move(sys::create_pipe().value());
  ASSERT_TRUE(succeeded(reactor.register_source(pipe.writer.raw(), 0, Interest::writable)));
  notifier.notify();
  Events events = events_with_capacity(8);
  EXPECT_EQ(reactor.poll(events, 0ns).value(), 1U);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].token, 0U);
}

}  // namespace
}  // namespace eddy
