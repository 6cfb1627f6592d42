// Tests how a backend waits and is woken: the second part of the contract of backend.hpp.
// SPDX-License-Identifier: MIT
#include "eddy/platform/clock.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/backend.hpp"
#include "eddy/reactor/platform_reactor.hpp"

#include "support/interrupt_storm.hpp"
#include "support/result.hpp"
#include "support/sockets.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using test::succeeded;

template <class B>
class BackendPollConformance : public testing::Test {
 protected:
  using Notifier = typename B::Notifier;

  steady_clock::duration time_poll(std::optional<std::chrono::nanoseconds> timeout) {
    const auto start = steady_clock::now();
    EXPECT_TRUE(succeeded(backend_.poll(events_, timeout)));
    return steady_clock::now() - start;
  }

  /// Runs `act` once another thread sleeps in `poll`, and returns the events of that thread.
  template <class F>
  Events while_polling(F act) {
    std::atomic<test::ThreadId> sleeper = 0;
    Events got = events_with_capacity(16);
    std::thread thread([&] {
      sleeper = test::this_thread_id();
      while (got.empty() && !stop_) ASSERT_TRUE(succeeded(backend_.poll(got, 10s)));
    });
    test::wait_until_asleep(sleeper);
    act();
    thread.join();
    return got;
  }

  B backend_ = std::move(B::create().value());
  Events events_ = events_with_capacity(16);
  std::atomic<bool> stop_ = false;
};

using Backends = testing::Types<PlatformReactor>;
TYPED_TEST_SUITE(BackendPollConformance, Backends);

TYPED_TEST(BackendPollConformance, AZeroTimeoutReturnsAtOnceWithWhatIsReady) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  ASSERT_TRUE(succeeded(this->backend_.register_source(pipe.writer.raw(), 1, Interest::writable)));
  EXPECT_EQ(this->backend_.poll(this->events_, 0ns).value(), 1U);
  EXPECT_LT(this->time_poll(0ns), 1s);
  EXPECT_LT(this->time_poll(-5s), 1s);
}

// moduvex_runtime rounded deadlines down: its timers were early, and the loop spun.
TYPED_TEST(BackendPollConformance, ATimeoutIsNeverShort) {
  for (const auto timeout : {1ns, 1000ns, 100'000ns, 999'999ns, 1'000'001ns, 3'500'000ns}) {
    EXPECT_GE(this->time_poll(timeout), timeout);
  }
}

TYPED_TEST(BackendPollConformance, ATimeoutOfLessThanAMillisecondIsNotZero) {
  if (!test::kCountsSleeps) GTEST_SKIP() << "this system does not count how often a thread sleeps";
  const long before = test::sleeps_of_this_thread();
  for (int i = 0; i < 20; ++i) EXPECT_GE(this->time_poll(300us), 300us);
  EXPECT_GE(test::sleeps_of_this_thread() - before, 20);
}

TYPED_TEST(BackendPollConformance, AHugeTimeoutIsNoError) {
  const auto notifier = std::move(this->backend_.create_notifier().value());
  for (const auto timeout : {std::chrono::nanoseconds(24h * 365 * 100), Duration::max()}) {
    notifier.notify();
    EXPECT_LT(this->time_poll(timeout), 5s);
  }
}

TYPED_TEST(BackendPollConformance, AStormOfInterruptionsDoesNotShortenATimeout) {
  if (!test::InterruptStorm::kPossible) GTEST_SKIP() << "this system interrupts no call";
  const test::InterruptStorm storm(500us);
  do {  // until many signals have come: a busy machine may run this thread once in 100 ms
    EXPECT_GE(this->time_poll(100ms), 100ms);
  } while (storm.count() <= 10);
}

TYPED_TEST(BackendPollConformance, AStormOfInterruptionsDoesNotLengthenATimeout) {
  if (!test::InterruptStorm::kPossible) GTEST_SKIP() << "this system interrupts no call";
  const test::InterruptStorm storm(500us);
  // If each interruption started the whole timeout again, the poll would never end.
  EXPECT_LT(this->time_poll(100ms), 5s);
}

TYPED_TEST(BackendPollConformance, AStormOfInterruptionsDoesNotEndAPollWithoutATimeout) {
  if (!test::InterruptStorm::kPossible) GTEST_SKIP() << "this system interrupts no call";
  const test::InterruptStorm storm(500us);
  const auto notifier = std::move(this->backend_.create_notifier().value());
  std::atomic<bool> notified = false;
  std::thread other([&] {
    while (storm.count() < 20) std::this_thread::yield();
    notified = true;
    notifier.notify();
  });
  this->time_poll(std::nullopt);
  EXPECT_TRUE(notified);
  other.join();
}

TYPED_TEST(BackendPollConformance, WithoutATimeoutItSleepsUntilThereIsAnEvent) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  ASSERT_TRUE(succeeded(this->backend_.register_source(pipe.reader.raw(), 1, Interest::readable)));
  const Events got = this->while_polling(
      [&] { EXPECT_TRUE(succeeded(sys::write(pipe.writer.raw(), test::bytes_of("x")))); });
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].token, 1U);
}

// moduvex_runtime armed its wake and signal pipes once, and never again.
TYPED_TEST(BackendPollConformance, ANotificationBeforeThePollWakesIt) {
  const auto notifier = std::move(this->backend_.create_notifier().value());
  for (int i = 0; i < 3; ++i) {
    notifier.notify();
    EXPECT_LT(this->time_poll(10s), 5s);
    EXPECT_TRUE(this->events_.empty());  // a notification is not reported as an event
  }
}

// moduvex_runtime armed its wake and signal pipes once, and never again.
TYPED_TEST(BackendPollConformance, ANotificationDuringThePollWakesItEachTime) {
  const auto notifier = std::move(this->backend_.create_notifier().value());
  for (int i = 0; i < 3; ++i) {
    this->stop_ = false;
    this->while_polling([&] {
      this->stop_ = true;
      notifier.notify();
    });
  }
}

TYPED_TEST(BackendPollConformance, NotificationsCoalesceAndAreUsedUp) {
  const auto notifier = std::move(this->backend_.create_notifier().value());
  for (int i = 0; i < 1000; ++i) notifier.notify();
  this->time_poll(10s);
  EXPECT_GE(this->time_poll(20ms), 20ms);  // a thousand notifications were one
}

TYPED_TEST(BackendPollConformance, NotificationsFromManyThreadsAreNotLost) {
  const auto notifier = std::move(this->backend_.create_notifier().value());
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::atomic<int> sent = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        ++sent;
        notifier.notify();
      }
    });
  }
  // A poll that returns sees everything from before its notification, so the last one is seen too.
  while (sent.load() < kThreads * kEach) {
    ASSERT_LT(this->time_poll(10s), 5s);
  }
  for (std::thread& thread : threads) thread.join();
}

TYPED_TEST(BackendPollConformance, ANotifierOutlivesItsBackend) {
  std::optional<TypeParam> backend = std::move(TypeParam::create().value());
  const auto notifier = std::move(backend->create_notifier().value());
  backend.reset();
  notifier.notify();
}

TYPED_TEST(BackendPollConformance, APollThatSleepsSeesANewRegistration) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  const Events got = this->while_polling([&] {
    EXPECT_TRUE(
        succeeded(this->backend_.register_source(pipe.writer.raw(), 5, Interest::writable)));
  });
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].token, 5U);
}

TYPED_TEST(BackendPollConformance, APollThatSleepsSeesAReregistration) {
  const test::SocketPair pair = test::connected_sockets();
  ASSERT_TRUE(succeeded(this->backend_.register_source(pair.client.raw(), 5, Interest::readable)));
  const Events got = this->while_polling([&] {
    EXPECT_TRUE(succeeded(this->backend_.reregister(pair.client.raw(), 6, Interest::writable)));
  });
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].token, 6U);
  EXPECT_TRUE(got[0].writable);
}

TYPED_TEST(BackendPollConformance, APollThatSleepsSeesADeregistration) {
  const Pipe pipe = std::move(sys::create_pipe().value());
  const Pipe other = std::move(sys::create_pipe().value());
  for (const Pipe* watched : {&pipe, &other}) {
    ASSERT_TRUE(succeeded(this->backend_.register_source(
        watched->reader.raw(), static_cast<Token>(watched->reader.raw()), Interest::readable)));
  }
  const Events got = this->while_polling([&] {
    EXPECT_TRUE(succeeded(this->backend_.deregister(pipe.reader.raw())));
    EXPECT_TRUE(succeeded(sys::write(pipe.writer.raw(), test::bytes_of("x"))));
    EXPECT_TRUE(succeeded(sys::write(other.writer.raw(), test::bytes_of("x"))));
  });
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].token, static_cast<Token>(other.reader.raw()));
}

}  // namespace
}  // namespace eddy
