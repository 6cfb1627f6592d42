// Wakes from other threads.
// SPDX-License-Identifier: MIT
#include "eddy/platform/sys.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/loop.hpp"
#include "support/run.hpp"
#include "support/threads.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <future>
#include <optional>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

/// Waits until it sees `flag`, which another thread sets before its wake.
Task<> wait_for(const std::atomic<bool>& flag) {
  while (!flag.load()) co_await suspend();
}

// In moduvex_runtime the waker of a spawned task did not end the park of its thread.
TEST(WakerThreads, AWakeDuringTheParkEndsIt) {
  run([]() -> Task<> {
    std::atomic<bool> came = false;
    std::atomic<test::ThreadId> self = 0;
    const Waker waker = co_await current_waker();
    const std::jthread other([&] {
      test::wait_until_asleep(self);
      came = true;
      waker.wake();
    });
    self = test::this_thread_id();
    co_await wait_for(came);
  });
}

// In moduvex_runtime the waker of a spawned task did not end the park of its thread.
TEST(WakerThreads, AWakeOfASpawnedTaskEndsThePark) {
  run([]() -> Task<> {
    std::atomic<bool> came = false;
    std::atomic<test::ThreadId> loop = 0;
    std::promise<Waker> waker;
    auto task = [&]() -> Task<> {
      waker.set_value(co_await current_waker());
      co_await wait_for(came);
    };
    const std::jthread other([&] {
      const Waker mine = waker.get_future().get();
      test::wait_until_asleep(loop);
      came = true;
      mine.wake();
    });
    JoinHandle<void> handle = spawn(task);
    loop = test::this_thread_id();
    EXPECT_TRUE((co_await handle).has_value());
  });
}

TEST(WakerThreads, AWakeBeforeTheParkIsNotLost) {
  run([]() -> Task<> {
    for (int i = 0; i < 100; ++i) {
      std::atomic<bool> came = false;
      const Waker waker = co_await current_waker();
      std::thread([&] {
        came = true;
        waker.wake();
      }).join();
      co_await suspend();
      EXPECT_TRUE(came.load());
    }
  });
}

// The owner says that it parks, then looks at its inbox. The waker fills the inbox, then looks
// whether the owner parks. In each round the waker comes a little later. The owner's writes are
// delayed by earlier writes to cache lines that the waker has written to.
TEST(WakerThreads, AWakeInTheMomentOfParkingIsNotLost) {
  struct alignas(64) Line {
    std::atomic<int> value;
  };
  std::array<Line, 40> lines{};
  const auto write_lines = [&](int value) {
    for (Line& line : lines) line.value.store(value, std::memory_order_relaxed);
  };
  run([&]() -> Task<> {
    constexpr int kRounds = 20'000;
    constexpr int kDelays = 2'000;
    std::atomic<int> asked = 0;
    std::atomic<int> answered = 0;
    const Waker waker = co_await current_waker();
    const std::jthread other([&] {
      for (int round = 1; round <= kRounds; ++round) {
        write_lines(-round);
        while (asked.load() != round) continue;
        std::atomic<int> delay = round % kDelays;
        while (delay.load(std::memory_order_relaxed) > 0) {
          delay.store(delay.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
        }
        answered = round;
        waker.wake();
      }
    });
    for (int round = 1; round <= kRounds; ++round) {
      asked = round;
      write_lines(round);
      while (answered.load() != round) co_await suspend();
    }
  });
}

TEST(WakerThreads, AWakeIsDeliveredWhileTheLoopIsBusy) {
  run([]() -> Task<> {
    std::atomic<bool> came = false;
    std::atomic<int> turns = 0;
    const Waker waker = co_await current_waker();
    const std::jthread other([&] {
      while (turns.load() < 10) std::this_thread::yield();
      came = true;
      waker.wake();
    });
    spawn([&]() -> Task<> {  // keeps the loop from parking
      while (!came.load()) {
        ++turns;
        co_await yield_now();
      }
    })
        .detach();
    co_await wait_for(came);
  });
}

TEST(WakerThreads, NoWakeOfManyThreadsIsLost) {
  constexpr int kThreads = 3;
  constexpr int kWakes = 5000;
  run([]() -> Task<> {
    std::atomic<long> sent = 0;
    long runs = 0;
    const Waker waker = co_await current_waker();
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, waker] {
        for (int i = 0; i < kWakes; ++i) {
          sent.fetch_add(1);
          waker.wake();
        }
      });
    }
    // A wake follows each count. If the last wake were lost, this would never end.
    while (sent.load() < long{kThreads} * kWakes) {
      co_await suspend();
      ++runs;
    }
    EXPECT_LE(runs, long{kThreads} * kWakes);
  });
}

TEST(WakerThreads, APingPongOfTwoLoopsLosesNothing) {
  constexpr int kRounds = 5000;
  std::atomic<int> turn = 0;
  std::promise<Waker> first;
  std::promise<Waker> second;
  auto play = [&](int who, std::promise<Waker>& mine, std::promise<Waker>& other) -> Task<> {
    mine.set_value(co_await current_waker());
    const Waker peer = other.get_future().get();
    for (int i = 0; i < kRounds; ++i) {
      while (turn.load() != who) co_await suspend();
      turn = 1 - who;
      peer.wake();
    }
  };
  std::thread other([&] { block_on(play(1, second, first)); });
  block_on(play(0, first, second));
  other.join();
  EXPECT_EQ(turn.load(), 0);
}

TEST(WakerThreads, WakesBeforeTheTaskRunsAreOneWake) {
  run([]() -> Task<> {
    const Waker waker = co_await current_waker();
    int runs = 0;
    auto task = [&](std::promise<Waker>& mine) -> Task<> {
      mine.set_value(co_await current_waker());
      for (;;) {
        co_await suspend();
        ++runs;
      }
    };
    std::promise<Waker> promise;
    JoinHandle<void> handle = spawn(task, std::ref(promise));
    co_await yield_now();
    const Waker counted = promise.get_future().get();
    std::thread([&] {
      for (int i = 0; i < 1000; ++i) counted.wake();
    }).join();
    waker.wake();
    while (runs == 0) co_await sleep_for(100us);
    co_await sleep_for(100us);
    EXPECT_EQ(runs, 1);
    handle.abort();
    EXPECT_FALSE((co_await handle).has_value());
  });
}

TEST(WakerThreads, AWakerThatOutlivesItsThreadDoesNothing) {
  std::optional<Waker> kept;
  std::thread([&] { run([&]() -> Task<> { kept.emplace(co_await current_waker()); }); }).join();
  kept->wake();
  const Waker copy = *kept;
  kept.reset();
  copy.wake();
  run([&]() -> Task<> {
    copy.wake();
    co_await yield_now();
  });
}

TEST(WakerThreads, AThreadMayEndWhileOthersWakeItsTasks) {
  for (int round = 0; round < 50; ++round) {
    std::promise<Waker> promise;
    std::atomic<bool> ended = false;
    std::thread loop([&] {
      run([&]() -> Task<> {
        promise.set_value(co_await current_waker());
        co_await yield_now();
      });
    });
    const Waker waker = promise.get_future().get();
    std::jthread storm([&] {
      while (!ended.load()) waker.wake();
    });
    loop.join();
    ended = true;
  }
}

// moduvex_runtime's root waker was a bare descriptor number, which others may reuse.
TEST(WakerThreads, AWakerOfAThreadThatHasEndedWritesToNoDescriptor) {
  std::optional<Waker> kept;
  std::thread([&] { run([&]() -> Task<> { kept.emplace(co_await current_waker()); }); }).join();
  // Other pipes reuse all descriptor numbers that the loop has freed.
  std::vector<Pipe> strangers(16);
  for (Pipe& pipe : strangers) pipe = std::move(sys::create_pipe().value());
  for (int i = 0; i < 100; ++i) kept->wake();
  std::thread([&] { kept->wake(); }).join();
  for (const Pipe& pipe : strangers) {
    std::array<std::byte, 1> byte{};
    EXPECT_FALSE(sys::read(pipe.reader.raw(), byte));
  }
}

TEST(WakerThreads, AThreadGivesItsDescriptorsBackOnceItsWakersAreGone) {
  run([]() -> Task<> { co_return; });
  const std::size_t before = test::count_descriptors_with_loop();
  for (int i = 0; i < 10; ++i) {
    std::optional<Waker> kept;
    std::thread([&] { run([&]() -> Task<> { kept.emplace(co_await current_waker()); }); }).join();
    kept->wake();
  }
  EXPECT_EQ(test::count_descriptors_with_loop(), before);
}

}  // namespace
}  // namespace eddy
