// The kernel refuses to map, or to unmap, the memory of coroutine frames.
// SPDX-License-Identifier: MIT
#include "eddy/eddy.hpp"
#include "eddy/worker/frame_slabs.hpp"

#include "fault/faulty_sys.hpp"
#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <functional>
#include <new>
#include <thread>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using detail::frame_list_of;
using detail::FrameSlabs;
using test::Guard;
using test::run;
using test::Tally;

// The sanitizers' builds have their frames from operator new.
class RefusedMemory : public testing::Test {
 protected:
  void SetUp() override {
    fault::reset_counts();
    std::thread([this] {
      run([]() -> Task<> { co_await yield_now(); });
      from_slabs_ = fault::count_of(fault::Call::map_memory) != 0;
    }).join();
    if (!from_slabs_) GTEST_SKIP() << "coroutine frames come from the heap in this build";
  }

 private:
  bool from_slabs_ = false;
};

Task<> wait_for(const bool& over, Guard) {
  while (!over) co_await yield_now();
}

TEST_F(RefusedMemory, MakesASpawnThrowAndWhatRunsGoesOn) {
  std::size_t spawned = 0;
  // A thread of its own, so that no frames are left of other tests.
  std::thread([&] {
    Tally tally;
    run([&]() -> Task<> {
      bool over = false;
      const auto body = [&](TaskGroup& tasks) -> Task<> {
        {
          const fault::Refused refused(fault::Call::map_memory, ENOMEM);
          try {
            for (;; ++spawned) tasks.spawn(wait_for, std::cref(over), Guard(tally));
          } catch (const std::bad_alloc&) {
          }
        }
        co_await yield_now();
        for (int i = 0; i < 1000; ++i) tasks.spawn(wait_for, std::cref(over), Guard(tally));
        co_await yield_now();
        over = true;
      };
      co_await with_group(body);
    });
    EXPECT_TRUE(tally.all_gone_once());
  }).join();
  EXPECT_LT(spawned, 1000U);
}

Task<int> child(int depth, Guard guard) {
  if (depth == 0) {
    co_await yield_now();
    co_return 0;
  }
  Task<int> inner = child(depth - 1, std::move(guard));
  co_return 1 + co_await std::move(inner);
}

TEST_F(RefusedMemory, OfEachSlabInTurnLosesNothing) {
  for (std::size_t k = 0;; ++k) {
    ASSERT_LT(k, 100U) << "always out of memory";
    bool thrown = false;
    std::thread([&] {
      Tally tally;
      run([&]() -> Task<> {
        fault::arm_call(fault::Call::map_memory, fault::Kind::error(ENOMEM), k);
        try {
          EXPECT_EQ(co_await child(2000, Guard(tally)), 2000);
        } catch (const std::bad_alloc&) {
          thrown = true;
        }
        EXPECT_EQ(fault::disarm().has_value(), thrown);
        EXPECT_EQ(co_await child(10, Guard(tally)), 10);
      });
      EXPECT_TRUE(tally.all_gone_once()) << "slab " << k;
    }).join();
    if (!thrown) {
      EXPECT_GT(k, 2U);
      break;
    }
  }
}

std::vector<void*> take(FrameSlabs& slabs, std::size_t count) {
  std::vector<void*> frames;
  for (std::size_t i = 0; i < count; ++i) frames.push_back(slabs.take(frame_list_of(136)));
  return frames;
}

void give_back(FrameSlabs& slabs, const std::vector<void*>& frames) {
  for (void* frame : frames) FrameSlabs::give_back(&slabs, frame);
}

class Slabs : public testing::Test {
 protected:
  Slabs() { fault::reset_counts(); }

  static std::size_t mapped() { return fault::count_of(fault::Call::map_memory); }

  std::size_t before_ = FrameSlabs::count();
};

TEST_F(Slabs, ThatCannotBeUnmappedAreUsedAgain) {
  FrameSlabs& slabs = FrameSlabs::open();
  {
    const fault::Refused refused(fault::Call::unmap_memory, ENOMEM);
    give_back(slabs, take(slabs, 10'000));
  }
  const std::size_t at_first = mapped();
  EXPECT_EQ(FrameSlabs::count(), before_ + at_first);
  give_back(slabs, take(slabs, 10'000));
  EXPECT_EQ(mapped(), at_first);
  slabs.close();
  EXPECT_EQ(FrameSlabs::count(), before_);
}

TEST_F(Slabs, ThatCannotBeUnmappedWhenTheirThreadEndsBelongToTheProcess) {
  FrameSlabs& slabs = FrameSlabs::open();
  give_back(slabs, take(slabs, 1));
  {
    const fault::Refused refused(fault::Call::unmap_memory, ENOMEM);
    slabs.close();
  }
  EXPECT_EQ(FrameSlabs::count(), before_ + 1);
  void* const frame = FrameSlabs::take_late(frame_list_of(136));
  EXPECT_EQ(mapped(), 1U);
  FrameSlabs::give_back(nullptr, frame);
  EXPECT_EQ(FrameSlabs::count(), before_);
}

TEST_F(Slabs, AreKeptByAThreadThatNeedsThemAgainAndAgain) {
  FrameSlabs& slabs = FrameSlabs::open();
  const auto burst = [&] { give_back(slabs, take(slabs, 10'000)); };
  burst();
  EXPECT_LE(FrameSlabs::count(), before_ + FrameSlabs::kSpares);
  for (int i = 0; i < 10; ++i) burst();
  const std::size_t at_first = mapped();
  for (int i = 0; i < 10; ++i) burst();
  EXPECT_EQ(mapped(), at_first);
  EXPECT_LE(FrameSlabs::count(), before_ + FrameSlabs::kMostSpares);
  slabs.close();
  EXPECT_EQ(FrameSlabs::count(), before_);
}

}  // namespace
}  // namespace eddy
