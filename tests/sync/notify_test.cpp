// SPDX-License-Identifier: MIT
#include "eddy/sync/notify.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::failed_with;
using test::run;
using test::succeeded;

Task<> wait(Notify& notify, int number, std::vector<int>& order) {
  const Result<> notified = co_await notify.wait();
  if (notified) order.push_back(number);
}

TEST(Notify, EndsTheOldestWait) {
  run([]() -> Task<> {
    Notify notify;
    std::vector<int> order;
    JoinHandle<> first = spawn(wait, std::ref(notify), 1, std::ref(order));
    JoinHandle<> second = spawn(wait, std::ref(notify), 2, std::ref(order));
    co_await yield_now();
    notify.notify_one();
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_EQ(order, std::vector{1});
    notify.notify_one();
    EXPECT_TRUE((co_await second).has_value());
  });
}

TEST(Notify, RemembersOneNotificationThatNobodyWaitedFor) {
  run([]() -> Task<> {
    Notify notify;
    notify.notify_one();
    notify.notify_one();
    EXPECT_TRUE(succeeded(co_await notify.wait()));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, notify.wait()), Error::deadline_exceeded));
  });
}

TEST(Notify, EndsAllWaitsAndRemembersNothing) {
  run([]() -> Task<> {
    Notify notify;
    std::vector<int> order;
    JoinHandle<> first = spawn(wait, std::ref(notify), 1, std::ref(order));
    JoinHandle<> second = spawn(wait, std::ref(notify), 2, std::ref(order));
    co_await yield_now();
    notify.notify_all();
    EXPECT_TRUE((co_await first).has_value());
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(order, (std::vector{1, 2}));
    EXPECT_TRUE(failed_with(co_await timeout(1ms, notify.wait()), Error::deadline_exceeded));
  });
}

TEST(Notify, PassesANotificationOnIfTheTaskThatGotItIsCancelled) {
  run([]() -> Task<> {
    Notify notify;
    std::vector<int> order;
    JoinHandle<> first = spawn(wait, std::ref(notify), 1, std::ref(order));
    JoinHandle<> second = spawn(wait, std::ref(notify), 2, std::ref(order));
    co_await yield_now();
    notify.notify_one();
    first.abort();
    EXPECT_TRUE((co_await second).has_value());
    EXPECT_EQ(order, std::vector{2});
  });
}

TEST(Notify, RemembersTheNotificationOfATaskThatIsCancelledIfNobodyElseWaits) {
  run([]() -> Task<> {
    Notify notify;
    std::vector<int> order;
    JoinHandle<> only = spawn(wait, std::ref(notify), 1, std::ref(order));
    co_await yield_now();
    notify.notify_one();
    only.abort();
    EXPECT_TRUE((co_await only).error().is_cancelled());
    EXPECT_TRUE(succeeded(co_await notify.wait()));
  });
}

TEST(Notify, DoesNotPassOnWhatAllWereTold) {
  run([]() -> Task<> {
    Notify notify;
    std::vector<int> order;
    JoinHandle<> only = spawn(wait, std::ref(notify), 1, std::ref(order));
    co_await yield_now();
    notify.notify_all();
    only.abort();
    EXPECT_TRUE((co_await only).error().is_cancelled());
    EXPECT_TRUE(failed_with(co_await timeout(1ms, notify.wait()), Error::deadline_exceeded));
  });
}

TEST(Notify, EndsTheWaitsOfThisThreadWhenItIsDestroyed) {
  run([]() -> Task<> {
    auto notify = std::make_unique<Notify>();
    auto waiting = spawn([&]() -> Task<Result<>> { co_return co_await notify->wait(); });
    co_await yield_now();
    notify.reset();
    EXPECT_TRUE(failed_with(*co_await waiting, std::errc::operation_canceled));
  });
}

TEST(Notify, MayGoBeforeATaskThatItHasNotified) {
  run([]() -> Task<> {
    auto notify = std::make_unique<Notify>();
    std::vector<int> order;
    JoinHandle<> runs = spawn(wait, std::ref(*notify), 1, std::ref(order));
    JoinHandle<> cancelled = spawn(wait, std::ref(*notify), 2, std::ref(order));
    co_await yield_now();
    notify->notify_one();
    notify->notify_one();
    notify.reset();
    cancelled.abort();
    EXPECT_TRUE((co_await runs).has_value());
    EXPECT_TRUE((co_await cancelled).error().is_cancelled());
    EXPECT_EQ(order, std::vector{1});
  });
}

// A task without budget takes a notification that was remembered, and then yields.
TEST(Notify, MayGoBeforeATaskThatYieldsWithARememberedNotification) {
  run([]() -> Task<> {
    auto notify = std::make_unique<Notify>();
    int ended = 0;
    JoinHandle<> waits = spawn([&]() -> Task<> {
      for (;;) {
        notify->notify_one();
        EXPECT_TRUE(succeeded(co_await notify->wait()));
        ++ended;
      }
    });
    co_await yield_now();  // until the task yields, with a notification in hand
    EXPECT_GT(ended, 0);
    notify.reset();
    waits.abort();
    EXPECT_TRUE((co_await waits).error().is_cancelled());
  });
}

}  // namespace
}  // namespace eddy
