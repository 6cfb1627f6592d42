// Tasks whose frames are freed on another thread than they were made on, or after its end.
// SPDX-License-Identifier: MIT
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/task.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/frame_slabs.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

Task<int> number(int value) {
  co_await yield_now();
  co_return value;
}

TEST(FrameThreads, ATaskMayRunOnAnotherThreadThanItWasMadeOn) {
  for (int round = 0; round < 10; ++round) {
    std::vector<Task<int>> tasks;
    std::thread([&] {
      for (int i = 0; i < 200; ++i) tasks.push_back(number(i));
    }).join();
    int expected = 0;
    for (Task<int>& task : tasks) EXPECT_EQ(block_on(std::move(task)), expected++);
  }
}

TEST(FrameThreads, ATaskMayBeRunByAThreadWhileItsMakerGoesOn) {
  std::vector<Task<int>> tasks;
  for (int i = 0; i < 1000; ++i) tasks.push_back(number(i));
  std::thread other([&] {
    for (Task<int>& task : tasks) static_cast<void>(block_on(std::move(task)));
  });
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(block_on(number(i)), i);
  other.join();
}

/// Its frame needs sixteen bytes of alignment, and has a size of its own.
template <std::size_t size>
Task<bool> holds_wide_value(const bool& over) {
  std::array<char, size> bytes{};
  long double wide = 1;
  const auto* at = &wide;
  while (!over) {
    bytes[size / 2] = 1;
    co_await yield_now();
  }
  co_return reinterpret_cast<std::uintptr_t>(at) % alignof(long double) == 0 && wide == 1 &&
      bytes[size / 2] == 1;
}

TEST(FrameThreads, AFrameIsAlignedAsItsVariablesAre) {
  bool over = false;
  block_on([&]() -> Task<> {
    std::vector<JoinHandle<bool>> handles;
    for (int i = 0; i < 5; ++i) {
      handles.push_back(spawn(holds_wide_value<8>, std::cref(over)));
      handles.push_back(spawn(holds_wide_value<16>, std::cref(over)));
      handles.push_back(spawn(holds_wide_value<24>, std::cref(over)));
      handles.push_back(spawn(holds_wide_value<41>, std::cref(over)));
    }
    co_await yield_now();
    over = true;
    for (JoinHandle<bool>& handle : handles) {
      const JoinResult<bool> aligned = co_await handle;
      EXPECT_TRUE(*aligned);
    }
  });
}

std::optional<Task<int>>& destroyed_last() {
  static std::optional<Task<int>> task;
  return task;
}

TEST(FrameThreads, AStaticDestructorMayDestroyATask) {
  destroyed_last() = number(1);  // a fault would end the program with another status
}

Task<> wait_until(const bool& over) {
  while (!over) co_await yield_now();
}

TEST(FrameThreads, TheMemoryOfManyTasksReturnsWhenTheyHaveEnded) {
  const auto measure = [](bool& over) -> Task<std::size_t> {
    for (int i = 0; i < 100'000; ++i) spawn(wait_until, std::cref(over)).detach();
    co_await yield_now();
    const std::size_t most = detail::FrameSlabs::count();
    over = true;
    co_await yield_now();
    co_await yield_now();
    co_return most;
  };
  const std::size_t before = detail::FrameSlabs::count();
  bool over = false;
  const std::size_t most = block_on(measure, std::ref(over));
  const std::size_t after = detail::FrameSlabs::count();
  if (most == 0) GTEST_SKIP() << "coroutine frames come from the heap in this build";
  EXPECT_GT(most, before + 200);
  EXPECT_LE(after, before + 16);
}

/// Lives for so many turns.
Task<> live(int turns) {
  for (int i = 0; i < turns; ++i) co_await yield_now();
}

/// Has a frame of another size.
Task<> live_through_a_child(int turns) {
  co_await yield_now();
  co_await live(turns);
}

TEST(FrameThreads, GenerationsOfTasksOfMixedAgesDoNotMakeTheSlabsGrow) {
  std::size_t most_at_first = 0;
  std::size_t most_later = 0;
  block_on([&]() -> Task<> {
    constexpr int kGenerations = 2000;
    std::minstd_rand random(1);
    for (int generation = 0; generation < kGenerations; ++generation) {
      for (int i = 0; i < 200; ++i) {
        // Few grow old: one of them keeps a slab in which all others are dead.
        const int turns = static_cast<int>(random() % 100 == 0 ? random() % 500 : random() % 5);
        if (i % 3 == 0) {
          spawn(live_through_a_child, turns).detach();
        } else {
          spawn(live, turns).detach();
        }
      }
      co_await yield_now();
      std::size_t& most = generation < kGenerations / 2 ? most_at_first : most_later;
      most = std::max(most, detail::FrameSlabs::count());
    }
  });
  EXPECT_LE(most_later, most_at_first + 2);
}

}  // namespace
}  // namespace eddy
