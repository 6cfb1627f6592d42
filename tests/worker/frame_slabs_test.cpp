// SPDX-License-Identifier: MIT
#include "eddy/worker/frame_slabs.hpp"

#include "eddy/worker/frame_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

namespace eddy::detail {
namespace {

constexpr std::size_t kSmall = frame_list_of(136);

/// The slabs of a thread, until the end of the test.
class FrameSlabsTest : public testing::Test {
 protected:
  ~FrameSlabsTest() override {
    if (own_ != nullptr) own_->close();
  }

  std::vector<void*> take(std::size_t count, std::size_t list = kSmall) {
    std::vector<void*> frames;
    for (std::size_t i = 0; i < count; ++i) frames.push_back(own_->take(list));
    return frames;
  }
  static void shuffle(std::vector<void*>& frames) {
    std::shuffle(frames.begin(), frames.end(), std::minstd_rand(1));
  }
  void give_back(const std::vector<void*>& frames) {
    for (void* frame : frames) FrameSlabs::give_back(own_, frame);
  }
  /// How many slabs there are more than when the test began.
  std::size_t more() const { return FrameSlabs::count() - before_; }

  std::size_t before_ = FrameSlabs::count();
  FrameSlabs* own_ = &FrameSlabs::open();
};

TEST_F(FrameSlabsTest, AFrameIsAlignedToSixteenBytesIfItsSizeIsAMultipleOfSixteen) {
  for (std::size_t list = 0; list < kFrameLists; ++list) {
    const std::size_t size = (list + 1) * kFrameGrain;
    ASSERT_EQ(frame_list_of(size), list);
    ASSERT_EQ(frame_list_of(size - kFrameGrain + 1), list);
    const std::vector<void*> frames = take(3, list);
    for (void* frame : frames) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(frame) % (size % 16 == 0 ? 16 : 8), 0U);
    }
    give_back(frames);
  }
}

TEST_F(FrameSlabsTest, FramesDoNotOverlap) {
  std::vector<void*> frames = take(2000, frame_list_of(264));
  shuffle(frames);
  for (std::size_t i = 0; i < frames.size(); ++i) std::memset(frames[i], static_cast<int>(i), 264);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const auto* bytes = static_cast<const unsigned char*>(frames[i]);
    EXPECT_TRUE(std::all_of(bytes, bytes + 264, [&](auto b) { return b == (i & 0xff); }));
  }
  give_back(frames);
}

TEST_F(FrameSlabsTest, FramesTakeUpTheirSizeAndNoHeader) {
  const std::vector<void*> frames = take(48'100);
  EXPECT_EQ(more(), 100U);
  give_back(frames);
}

TEST_F(FrameSlabsTest, SlabsReturnToTheSystemInWhateverOrderTheirFramesAreGivenBack) {
  std::vector<void*> frames = take(100'000);
  EXPECT_GT(more(), 200U);
  shuffle(frames);
  give_back(frames);
  EXPECT_LE(more(), FrameSlabs::kSpares);
}

TEST_F(FrameSlabsTest, ASpareSlabServesAnotherSize) {
  give_back(take(1));
  ASSERT_EQ(more(), 1U);
  const std::vector<void*> frames = take(1, frame_list_of(2048));
  EXPECT_EQ(more(), 1U);
  give_back(frames);
}

TEST_F(FrameSlabsTest, AMillionChangesOfMixedSizesDoNotMakeTheSlabsGrow) {
  std::minstd_rand random(1);
  std::vector<void*> live(2000, nullptr);
  std::size_t most_at_first = 0;
  std::size_t most_later = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    void*& frame = live[random() % live.size()];
    if (frame != nullptr) FrameSlabs::give_back(own_, frame);
    frame = own_->take(frame_list_of(104 + random() % 8 * 40));
    std::size_t& most = i < 100'000 ? most_at_first : most_later;
    most = std::max(most, more());
  }
  EXPECT_LE(most_later, most_at_first + 4);
  give_back(live);
  EXPECT_LE(more(), FrameSlabs::kSpares);
}

TEST_F(FrameSlabsTest, WhereAFrameStartsIsKnown) {
  auto* frame = static_cast<std::byte*>(own_->take(kSmall));
  EXPECT_TRUE(own_->may_start_frame(frame));
  EXPECT_TRUE(own_->may_start_frame(frame + 136));
  EXPECT_FALSE(own_->may_start_frame(frame + 8));
  EXPECT_FALSE(own_->may_start_frame(frame + 16));
  FrameSlabs::give_back(own_, frame);
}

TEST_F(FrameSlabsTest, AFrameThatAnotherThreadGivesBackIsUsedAgainByItsOwn) {
  constexpr std::size_t kCount = 10'000;
  std::vector<void*> frames = take(kCount);
  const std::size_t used = more();
  std::thread([&frames] {
    FrameSlabs& other = FrameSlabs::open();
    for (void* frame : frames) EXPECT_FALSE(FrameSlabs::give_back(&other, frame));
    other.close();
  }).join();
  EXPECT_EQ(more(), used);
  frames = take(kCount);
  EXPECT_LE(more(), used);
  give_back(frames);
  EXPECT_LE(more(), FrameSlabs::kMostSpares);
}

TEST_F(FrameSlabsTest, FramesOutliveTheThreadThatTookThem) {
  std::vector<void*> frames = take(1000);
  std::exchange(own_, nullptr)->close();
  EXPECT_EQ(more(), 3U);
  std::memset(frames.back(), 1, 136);
  give_back(frames);
  EXPECT_EQ(more(), 0U);
}

TEST_F(FrameSlabsTest, FramesThatWereGivenBackByAnotherThreadGoWhenTheirThreadEnds) {
  for (void* frame : take(1000)) FrameSlabs::give_back(nullptr, frame);
  std::exchange(own_, nullptr)->close();
  EXPECT_EQ(more(), 0U);
}

TEST_F(FrameSlabsTest, AFrameThatIsTakenAfterTheEndOfItsThreadComesFromTheProcess) {
  void* const frame = FrameSlabs::take_late(kSmall);
  EXPECT_EQ(more(), 1U);
  FrameSlabs::give_back(own_, frame);
  EXPECT_EQ(more(), 0U);
}

TEST_F(FrameSlabsTest, ThreadsThatGiveBackEachOthersFramesLeaveNone) {
  std::mutex mutex;
  std::vector<void*> shared;
  const auto exchange = [&](unsigned seed) {
    FrameSlabs& own = FrameSlabs::open();
    std::minstd_rand random(seed);
    for (int i = 0; i < 20'000; ++i) {
      void* frame = own.take(frame_list_of(104 + random() % 4 * 40));
      {
        const std::lock_guard lock(mutex);
        shared.push_back(frame);
        std::swap(shared[random() % shared.size()], shared.back());
        if (shared.size() < 100) continue;
        frame = shared.back();
        shared.pop_back();
      }
      FrameSlabs::give_back(&own, frame);
    }
    own.close();
  };
  std::array<std::thread, 4> threads;
  for (unsigned i = 0; i < threads.size(); ++i) threads[i] = std::thread(exchange, i + 1);
  for (std::thread& thread : threads) thread.join();
  give_back(shared);
  EXPECT_EQ(more(), 0U);
}

/// The lists in front of the slabs, each test in a thread of its own.
template <class F>
void in_a_thread(F f) {
  std::thread(std::move(f)).join();
}

bool frames_come_from_slabs() {
  bool from_slabs = false;
  in_a_thread([&] {
    const std::size_t before = FrameSlabs::count();
    void* const frame = allocate_frame(136);
    from_slabs = FrameSlabs::count() > before;
    free_frame(frame, 136);
  });
  return from_slabs;
}

class FramePool : public testing::Test {
 protected:
  void SetUp() override {
    if (!frames_come_from_slabs()) {
      GTEST_SKIP() << "coroutine frames come from the heap in this build, for the sanitizer";
    }
  }
};

TEST_F(FramePool, KeepsAFewSlabsOfABurstThatIsOver) {
  in_a_thread([] {
    const std::size_t before = FrameSlabs::count();
    for (int burst = 0; burst < 3; ++burst) {
      std::vector<void*> frames;
      for (int i = 0; i < 100'000; ++i) frames.push_back(allocate_frame(136));
      EXPECT_GT(FrameSlabs::count(), before + 200);
      std::shuffle(frames.begin(), frames.end(), std::minstd_rand(1));
      for (void* frame : frames) free_frame(frame, 136);
      // 4 frames are held: each may be of another slab.
      const std::size_t spares = burst == 0 ? FrameSlabs::kSpares : FrameSlabs::kMostSpares;
      EXPECT_LE(FrameSlabs::count(), before + spares + 4);
    }
  });
}

TEST_F(FramePool, GivesAllBackWhenItsThreadEnds) {
  const std::size_t before = FrameSlabs::count();
  std::vector<void*> left;
  in_a_thread([&] {
    for (int i = 0; i < 1000; ++i) left.push_back(allocate_frame(136));
    for (int i = 0; i < 1000; ++i) free_frame(allocate_frame(264), 264);
  });
  EXPECT_EQ(FrameSlabs::count(), before + 3);
  in_a_thread([&] {
    for (void* frame : left) free_frame(frame, 136);  // a thread that has allocated none
  });
  EXPECT_EQ(FrameSlabs::count(), before);
}

/// Takes and frees a frame when its thread ends, after the pool has ended.
struct Late {
  ~Late() {
    free_frame(early, 136);
    free_frame(allocate_frame(136), 136);
  }
  void* early = nullptr;
};

TEST_F(FramePool, ServesWhatRunsAfterItsEnd) {
  const std::size_t before = FrameSlabs::count();
  in_a_thread([] {
    thread_local Late late;  // made before the pool, and so destroyed after it
    late.early = nullptr;
    late.early = allocate_frame(136);
  });
  EXPECT_EQ(FrameSlabs::count(), before);
}

TEST_F(FramePool, HasLargeFramesFromOperatorNew) {
  in_a_thread([] {
    const std::size_t before = FrameSlabs::count();
    free_frame(allocate_frame(2049), 2049);
    EXPECT_EQ(FrameSlabs::count(), before);
  });
}

}  // namespace
}  // namespace eddy::detail
