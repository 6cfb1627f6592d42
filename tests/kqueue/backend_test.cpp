// What the kqueue backend does beyond the contract of all backends, and about the traps of kqueue.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/kqueue.hpp"

#include "kqueue/kqueue.hpp"
#include "support/descriptors.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::failed_with;
using test::succeeded;

constexpr Interest kBoth = Interest::readable | Interest::writable;

class KqueueBackend : public testing::Test {
 protected:
  /// What one poll reports.
  const Events& look(std::chrono::nanoseconds timeout = 0ns) {
    EXPECT_TRUE(succeeded(reactor_.poll(events_, timeout)));
    return events_;
  }

  KqueueReactor reactor_ = std::move(KqueueReactor::create().value());
  Events events_ = events_with_capacity(16);
  Pipe pipe_ = std::move(sys::create_pipe().value());
  test::SocketPair pair_ = test::connected_sockets();
};

bool has_token(const Events& events, Token token) {
  return std::any_of(events.begin(), events.end(),
                     [&](const ReadyEvent& event) { return event.token == token; });
}

TEST_F(KqueueBackend, BothFiltersCarryTheTokenOfTheLastRegistration) {
  test::send_text(pair_.server.raw(), "x");
  test::spin_until_ready(pair_.client.raw(), Interest::readable);
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.client.raw(), 1, kBoth)));
  ASSERT_TRUE(succeeded(reactor_.reregister(pair_.client.raw(), 2, kBoth)));
  const Events& events = look();
  ASSERT_EQ(events.size(), 2U);
  for (const ReadyEvent& event : events) EXPECT_EQ(event.token, 2U);
  EXPECT_NE(events[0].readable, events[1].readable);
}

TEST_F(KqueueBackend, EachDirectionEndsByItself) {
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.client.raw(), 1, kBoth)));
  look(10s);
  ASSERT_TRUE(succeeded(sys::shutdown(pair_.server.raw(), ShutdownHow::write)));
  bool read_closed = false;
  while (!read_closed && !look(10s).empty()) {
    for (const ReadyEvent& event : events_) {
      EXPECT_FALSE(event.write_closed || event.error);
      EXPECT_FALSE(event.read_closed && event.writable);  // each filter has events of its own
      read_closed = read_closed || (event.read_closed && event.readable);
    }
  }
  EXPECT_TRUE(read_closed);
}

TEST_F(KqueueBackend, AnErrorThatEndsOneDirectionWakesBoth) {
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.client.raw(), 1, Interest::readable)));
  test::reset_connection(pair_.server);
  const Events& events = look(10s);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_TRUE(events[0].error && events[0].readable && events[0].writable);
}

// EV_ADD fails with EPIPE there, but the writer must be told.
TEST_F(KqueueBackend, AWriterWhoseReaderIsGoneIsToldOnceForEachRegistration) {
  pipe_.reader.reset();
  ASSERT_TRUE(succeeded(reactor_.register_source(pipe_.writer.raw(), 5, kBoth)));
  for (Token token = 5; token < 8; ++token) {
    const Events& events = look(10s);
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].token, token);
    EXPECT_TRUE(events[0].writable && events[0].write_closed);
    EXPECT_FALSE(events[0].readable || events[0].error);
    EXPECT_TRUE(look().empty());
    ASSERT_TRUE(succeeded(reactor_.reregister(pipe_.writer.raw(), token + 1, kBoth)));
  }
  ASSERT_TRUE(succeeded(reactor_.deregister(pipe_.writer.raw())));
  EXPECT_TRUE(look().empty());  // the user event that replaced the filter is gone too
}

TEST_F(KqueueBackend, DeregisteringSwallowsNothingOfOthers) {
  const KqueueReactor::Notifier notifier = std::move(reactor_.create_notifier().value());
  ASSERT_TRUE(succeeded(reactor_.register_source(pipe_.writer.raw(), 1, Interest::writable)));
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.client.raw(), 2, Interest::writable)));
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.server.raw(), 3, kBoth)));
  notifier.notify();
  // All are pending now.
  ASSERT_TRUE(succeeded(reactor_.deregister(pair_.server.raw())));
  const Events& events = look();
  EXPECT_EQ(events.size(), 2U);
  EXPECT_TRUE(has_token(events, 1) && has_token(events, 2));
}

TEST_F(KqueueBackend, ANotificationSurvivesADeregistration) {
  const KqueueReactor::Notifier notifier = std::move(reactor_.create_notifier().value());
  ASSERT_TRUE(succeeded(reactor_.register_source(pair_.server.raw(), 3, kBoth)));
  look();
  notifier.notify();
  ASSERT_TRUE(succeeded(reactor_.deregister(pair_.server.raw())));
  const auto start = steady_clock::now();
  EXPECT_TRUE(look(30s).empty());
  EXPECT_LT(steady_clock::now() - start, 20s);
}

TEST_F(KqueueBackend, DeregisteringDoesNotWaitForAThreadThatPolls) {
  ASSERT_TRUE(succeeded(reactor_.register_source(pipe_.reader.raw(), 1, Interest::readable)));
  const KqueueReactor::Notifier notifier = std::move(reactor_.create_notifier().value());
  std::atomic<test::ThreadId> sleeper = 0;
  std::thread thread([&] {
    sleeper = test::this_thread_id();
    look(60s);
  });
  test::wait_until_asleep(sleeper);
  EXPECT_TRUE(succeeded(reactor_.deregister(pipe_.reader.raw())));
  notifier.notify();  // only this ends the wait
  thread.join();
  EXPECT_TRUE(events_.empty());
}

// To add the user event again would take its trigger back.
TEST_F(KqueueBackend, ASecondNotifierKeepsAnEarlierNotification) {
  const KqueueReactor::Notifier first = std::move(reactor_.create_notifier().value());
  first.notify();
  const KqueueReactor::Notifier second = std::move(reactor_.create_notifier().value());
  const auto start = steady_clock::now();
  EXPECT_TRUE(look(30s).empty());
  EXPECT_LT(steady_clock::now() - start, 20s);
}

TEST_F(KqueueBackend, ANumberThatWasClosedWithoutEddyCanBeRegisteredAnew) {
  const RawSource number = pipe_.reader.raw();
  ASSERT_TRUE(succeeded(reactor_.register_source(number, 1, Interest::readable)));
  pipe_.reader.reset();
  const Fd reused = test::duplicate_onto(pair_.client.raw(), number);
  ASSERT_EQ(reused.raw(), number);
  EXPECT_TRUE(look().empty());
  ASSERT_TRUE(succeeded(reactor_.register_source(number, 2, Interest::writable)));
  const Events& events = look();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].token, 2U);
}

TEST_F(KqueueBackend, DeregisteringAClosedSourceIsAnErrorAndForgetsTheSource) {
  const RawSource number = pipe_.reader.raw();
  ASSERT_TRUE(succeeded(reactor_.register_source(number, 1, Interest::readable)));
  pipe_.reader.reset();
  EXPECT_TRUE(failed_with(reactor_.deregister(number), std::errc::bad_file_descriptor));
  EXPECT_TRUE(failed_with(reactor_.deregister(number), std::errc::no_such_file_or_directory));
}

TEST_F(KqueueBackend, ASourceWithoutOneOfTheFiltersIsRefusedAsAWhole) {
  const Fd null = test::open_null();
  EXPECT_TRUE(failed_with(reactor_.register_source(null.raw(), 1, kBoth),
                          std::errc::operation_not_permitted));
  EXPECT_TRUE(failed_with(reactor_.deregister(null.raw()), std::errc::no_such_file_or_directory));
}

// The kernel may count in microseconds and cut off the rest. A nanosecond would be a zero timeout.
TEST_F(KqueueBackend, ATimeoutOfANanosecondSleeps) {
  const long before = test::sleeps_of_this_thread();
  for (int i = 0; i < 20; ++i) look(1ns);
  EXPECT_GT(test::sleeps_of_this_thread(), before);
}

TEST_F(KqueueBackend, ATimeoutIsRoundedUpToTheNextMicrosecond) {
  for (const auto timeout : {1ns, 999ns, 1001ns, 250'001ns}) {
    const auto start = steady_clock::now();
    look(timeout);
    EXPECT_GE(steady_clock::now() - start, timeout);
  }
}

TEST_F(KqueueBackend, ATimeoutGoesOnWhereTheKernelEndsItsWait) {
  const std::chrono::nanoseconds limit = test::kqueue_longest_wait.exchange(10ms);
  const auto start = steady_clock::now();
  EXPECT_TRUE(look(100ms).empty());
  EXPECT_GE(steady_clock::now() - start, 100ms);
  test::kqueue_longest_wait = limit;
}

// SO_NOSIGPIPE cannot be set on such a socket, and without it the first send ends the program.
TEST(SeamOfMacos, AConnectionThatWasResetInTheBacklogIsNotHandedOut) {
  const Fd listener = test::listen_on_loopback();
  Fd gone = test::connect_to(listener.raw());
  const Fd stays = test::connect_to(listener.raw());
  test::reset_connection(gone);
  EXPECT_TRUE(failed_with(sys::accept(listener.raw(), nullptr), std::errc::connection_aborted));
  EXPECT_TRUE(succeeded(sys::accept(listener.raw(), nullptr)));
}

}  // namespace
}  // namespace eddy
