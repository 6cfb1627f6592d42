// What the tasks of several threads share.
// SPDX-License-Identifier: MIT
#include "support/threads.hpp"

#include "eddy/compose/timeout.hpp"
#include "eddy/sync/barrier.hpp"
#include "eddy/sync/condition.hpp"
#include "eddy/sync/event.hpp"
#include "eddy/sync/latch.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/sync/notify.hpp"
#include "eddy/sync/once_cell.hpp"
#include "eddy/sync/rw_lock.hpp"
#include "eddy/sync/semaphore.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;
using test::succeeded;

constexpr int kThreads = 4;
constexpr int kTasks = 4;  ///< of each thread

/// Runs `f(number)` in `kTasks` tasks on each of `kThreads` threads, and waits for all of them.
template <class F>
void run_on_threads(F f) {
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&f, thread] {
      run([&]() -> Task<> {
        std::vector<JoinHandle<>> tasks;
        for (int i = 0; i < kTasks; ++i) tasks.push_back(spawn(f, thread * kTasks + i));
        for (JoinHandle<>& each : tasks) {
          const JoinResult<void> ended = co_await each;
          EXPECT_TRUE(ended.has_value());
        }
      });
    });
  }
}

TEST(SharedMutex, LetsTasksOfAllThreadsInOneAtATime) {
  constexpr int kRounds = 300;
  Mutex<long> count;
  std::atomic<int> inside = 0;
  run_on_threads([&](int) -> Task<> {
    for (int i = 0; i < kRounds; ++i) {
      auto guard = co_await count.lock();
      EXPECT_EQ(++inside, 1);
      const long before = *guard;
      co_await yield_now();
      *guard = before + 1;
      --inside;
    }
  });
  const auto free = count.try_lock();
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(**free, long{kThreads} * kTasks * kRounds);
}

// The time limits pass in the moment in which another thread hands the lock over.
TEST(SharedMutex, LosesNoLockToATaskThatIsCancelledMeanwhile) {
  constexpr int kRounds = 300;
  Mutex<long> count;
  std::atomic<long> got = 0;
  run_on_threads([&](int number) -> Task<> {
    std::mt19937 random(static_cast<unsigned>(number));
    for (int i = 0; i < kRounds; ++i) {
      auto guard = co_await timeout(std::chrono::microseconds(random() % 200), count.lock());
      if (!guard) continue;
      ++**guard;
      ++got;
      co_await yield_now();
    }
  });
  const auto free = count.try_lock();
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(**free, got.load());
  EXPECT_GT(got.load(), 0);
}

TEST(SharedSemaphore, LosesNoPermitToATaskThatIsCancelledMeanwhile) {
  constexpr int kRounds = 300;
  Semaphore semaphore(5);
  std::atomic<int> out = 0;
  run_on_threads([&](int number) -> Task<> {
    std::mt19937 random(static_cast<unsigned>(number));
    for (int i = 0; i < kRounds; ++i) {
      const std::size_t count = 1 + random() % 5;
      auto permit =
          co_await timeout(std::chrono::microseconds(random() % 200), semaphore.acquire(count));
      if (!permit) continue;
      EXPECT_LE(out += static_cast<int>(count), 5);
      co_await yield_now();
      out -= static_cast<int>(count);
    }
  });
  EXPECT_EQ(semaphore.available(), 5U);
}

TEST(SharedRwLock, LetsNobodyReadWhileOneWrites) {
  constexpr int kRounds = 200;
  struct Pair {
    long a = 0;
    long b = 0;
  };
  RwLock<Pair> pair;
  run_on_threads([&](int number) -> Task<> {
    for (int i = 0; i < kRounds; ++i) {
      if ((i + number) % 4 == 0) {
        auto guard = co_await pair.write();
        ++guard->a;
        co_await yield_now();
        ++guard->b;
      } else {
        const auto guard = co_await pair.read();
        const long a = guard->a;
        co_await yield_now();
        EXPECT_EQ(a, guard->b);
      }
    }
  });
  const auto free = pair.try_read();
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ((*free)->a, long{kThreads} * kTasks * kRounds / 4);
}

TEST(SharedRwLock, LosesNoLockToATaskThatIsCancelledMeanwhile) {
  constexpr int kRounds = 200;
  RwLock<long> lock(0);
  std::atomic<long> writes = 0;
  run_on_threads([&](int number) -> Task<> {
    std::mt19937 random(static_cast<unsigned>(number));
    for (int i = 0; i < kRounds; ++i) {
      const auto limit = std::chrono::microseconds(random() % 200);
      if (random() % 4 == 0) {
        auto guard = co_await timeout(limit, lock.write());
        if (!guard) continue;
        ++**guard;
        ++writes;
        co_await yield_now();
      } else {
        const auto guard = co_await timeout(limit, lock.read());
        if (guard) co_await yield_now();
      }
    }
  });
  const auto free = lock.try_write();
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(**free, writes.load());
}

TEST(SharedSemaphore, EndsTheWaitsOfAllThreadsOnceItIsClosed) {
  for (int round = 0; round < 20; ++round) {
    Semaphore semaphore(2);
    std::atomic<int> closed = 0;
    run_on_threads([&](int number) -> Task<> {
      for (int i = 0;; ++i) {
        const auto permit = co_await semaphore.acquire(1 + static_cast<std::size_t>(number % 2));
        if (!permit) break;
        co_await yield_now();
        if (number == 0 && i == round) semaphore.close();
      }
      ++closed;
    });
    EXPECT_EQ(closed.load(), kThreads * kTasks);
    EXPECT_EQ(semaphore.available(), 2U);
  }
}

TEST(SharedOnceCell, IsMadeOnceThoughMakersFailAndAreCancelled) {
  for (int round = 0; round < 20; ++round) {
    OnceCell<int> cell;
    std::atomic<int> making = 0;
    std::atomic<int> made = 0;
    run_on_threads([&](int number) -> Task<> {
      std::mt19937 random(static_cast<unsigned>(number));
      auto make = [&]() -> Task<Result<int>> {
        EXPECT_EQ(++making, 1);
        const std::unique_ptr<std::atomic<int>, void (*)(std::atomic<int>*)> ends(
            &making, [](std::atomic<int>* count) { --*count; });
        co_await yield_now();
        if (random() % 4 != 0) co_return failure(std::errc::io_error);
        co_return ++made;
      };
      for (;;) {
        const auto limit = std::chrono::microseconds(random() % 100);
        const Result<int*> value = co_await timeout(limit, cell.get_or_init(make));
        if (!value) continue;
        EXPECT_EQ(**value, 1);
        co_return;
      }
    });
    EXPECT_EQ(made.load(), 1);
  }
}

TEST(SharedLatch, MayGoAsSoonAsItIsZero) {
  for (int round = 0; round < 60; ++round) {
    auto latch = std::make_unique<Latch>(kThreads - 1);
    std::vector<std::jthread> threads;
    for (int i = 1; i < kThreads; ++i)
      threads.emplace_back([&latch = *latch] { latch.count_down(); });
    run([&]() -> Task<> {
      while (round % 2 == 0 && !latch->done()) co_await yield_now();
      EXPECT_TRUE(succeeded(co_await latch->wait()));
    });
    latch.reset();
  }
}

// As many notifications as waits; waits that are cancelled are made again.
TEST(SharedNotify, LosesNoNotificationToATaskThatIsCancelledMeanwhile) {
  constexpr int kRounds = 500;
  Notify there;
  Notify back;
  std::jthread other([&] {
    run([&]() -> Task<> {
      for (int i = 0; i < kRounds; ++i) {
        while (!co_await timeout(20us, there.wait())) {
        }
        back.notify_one();
      }
    });
  });
  run([&]() -> Task<> {
    for (int i = 0; i < kRounds; ++i) {
      there.notify_one();
      EXPECT_TRUE(succeeded(co_await timeout(30s, back.wait())));
    }
  });
}

TEST(SharedNotify, WakesAThreadThatSleeps) {
  Notify notify;
  std::atomic<test::ThreadId> sleeper = 0;
  std::jthread other([&] {
    run([&]() -> Task<> {
      sleeper = test::this_thread_id();
      EXPECT_TRUE(succeeded(co_await notify.wait()));
    });
  });
  test::wait_until_asleep(sleeper);
  notify.notify_one();  // of a thread without a worker
}

TEST(SharedCondition, IsNotifiedByOtherThreads) {
  constexpr int kRounds = 200;
  Mutex<int> turn;
  Condition changed;
  run_on_threads([&](int number) -> Task<> {
    for (int i = 0; i < kRounds; ++i) {
      auto guard = co_await changed.wait(co_await turn.lock(), [number](int& whose) {
        return whose % (kThreads * kTasks) == number;
      });
      EXPECT_TRUE(succeeded(guard));
      ++**guard;
      changed.notify_all();
    }
  });
  const auto free = turn.try_lock();
  ASSERT_TRUE(free.has_value());
  EXPECT_EQ(**free, kThreads * kTasks * kRounds);
}

// Producers notify one task for each value. Takers are cancelled all the time.
TEST(SharedCondition, LosesNoNotificationToATaskThatIsCancelledMeanwhile) {
  constexpr int kValues = 500;
  Mutex<int> values;
  Condition filled;
  std::atomic<int> taken = 0;
  const auto produce = [&]() -> Task<> {
    for (int i = 0; i < kValues; ++i) {
      auto guard = co_await values.lock();
      ++*guard;
      filled.notify_one();
    }
  };
  const auto take = [&]() -> Task<Result<>> {
    auto guard = co_await values.lock();
    while (*guard == 0) guard = co_await ok(filled.wait(std::move(guard)));
    --*guard;
    ++taken;
    co_return {};
  };
  run_on_threads([&](int number) -> Task<> {
    if (number % kTasks == 0) {
      co_await produce();
      co_return;
    }
    while (taken.load() < kThreads * kValues) (void)co_await timeout(50us, take());
  });
  EXPECT_EQ(taken.load(), kThreads * kValues);
}

TEST(SharedBarrier, EndsARoundThoughTasksAreCancelledMeanwhile) {
  constexpr int kRounds = 100;
  Barrier barrier(2);
  std::atomic<int> ended = 0;
  run_on_threads([&](int number) -> Task<> {
    std::mt19937 random(static_cast<unsigned>(number));
    while (ended.load() < kRounds) {
      const auto last =
          co_await timeout(std::chrono::microseconds(random() % 100), barrier.arrive_and_wait());
      if (last && last->last) ++ended;
    }
  });
  // It is as it was at the start.
  run([&]() -> Task<> {
    JoinHandle<> other = spawn([&]() -> Task<> { (void)co_await barrier.arrive_and_wait(); });
    EXPECT_TRUE(succeeded(co_await timeout(30s, barrier.arrive_and_wait())));
    EXPECT_TRUE((co_await other).has_value());
  });
}

TEST(SharedBarrier, LetsTasksOfAllThreadsGoOnTogether) {
  constexpr int kRounds = 100;
  Barrier barrier(std::size_t{kThreads} * kTasks);
  std::atomic<int> lasts = 0;
  std::atomic<int> arrived = 0;
  run_on_threads([&](int) -> Task<> {
    for (int i = 0; i < kRounds; ++i) {
      ++arrived;
      const auto last = co_await barrier.arrive_and_wait();
      EXPECT_GE(arrived.load(), kThreads * kTasks * (i + 1));
      if (last && last->last) ++lasts;
    }
  });
  EXPECT_EQ(lasts.load(), kRounds);
}

// The thread that sets the event destroys it at once, while waits of other threads that it has
// ended, and waits that are cancelled in that moment, still end.
TEST(SharedEvent, MayGoAsSoonAsItIsSet) {
  constexpr int kRounds = 300;
  for (int round = 0; round < kRounds; ++round) {
    auto event = std::make_unique<Event>();
    Latch waiting(2);
    const auto wait = [&](Duration limit) {
      run([&]() -> Task<> {
        JoinHandle<> waits = spawn([&]() -> Task<> {
          const auto ended = co_await timeout(limit, event->wait());
          EXPECT_TRUE(ended || ended.error() == Error::deadline_exceeded);
        });
        co_await yield_now();
        waiting.count_down();
        EXPECT_TRUE((co_await waits).has_value());
      });
    };
    std::jthread patient([&] { wait(1h); });
    std::jthread leaving([&] { wait(std::chrono::microseconds(round)); });
    run([&]() -> Task<> { EXPECT_TRUE(succeeded(co_await waiting.wait())); });
    event->set();
    event.reset();
  }
}

TEST(SharedEventDeathTest, StopsTheProgramIfItGoesWhileATaskOfAnotherThreadWaits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto destroy = [] {
    auto event = std::make_unique<Event>();
    Latch waiting(1);
    std::jthread other([&] {
      run([&]() -> Task<> {
        JoinHandle<> waits = spawn([&]() -> Task<> { (void)co_await event->wait(); });
        co_await yield_now();
        waiting.count_down();
        (void)co_await waits;
      });
    });
    run([&]() -> Task<> { EXPECT_TRUE(succeeded(co_await waiting.wait())); });
    event.reset();
  };
  EXPECT_DEATH(destroy(), "an Event was destroyed while a task of another thread waits for it");
}

// A wake that another thread has sent is taken back with the task, even if the thread ends next.
TEST(SharedEvent, MayEndTheWaitsOfAThreadThatEnds) {
  constexpr int kRounds = 200;
  for (int round = 0; round < kRounds; ++round) {
    Event event;
    Latch waiting(1);
    std::jthread other([&] {
      run([&]() -> Task<> {
        spawn([&]() -> Task<> { (void)co_await event.wait(); }).detach();
        co_await yield_now();
        waiting.count_down();
      });
    });
    run([&]() -> Task<> { EXPECT_TRUE(succeeded(co_await waiting.wait())); });
    event.set();
  }
}

}  // namespace
}  // namespace eddy
