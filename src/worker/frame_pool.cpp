// SPDX-License-Identifier: MIT

#include "eddy/worker/frame_pool.hpp"

#include <cstdint>
#include <new>
#include <utility>

namespace eddy::detail {

constinit thread_local std::array<FrameList, kFrameLists> frame_lists{};
constinit thread_local NewestFrame newest_frame;

namespace {

/// The most frames that a list may hold. One frame in a list keeps a whole slab from returning to
/// the system, so a list is short, and shorter while slabs become empty: then a burst has ended.
constexpr std::uint32_t kMostHeld = 64;
constexpr std::uint32_t kFewHeld = 4;

/// Null before the thread allocates its first frame, and after it has ended.
constinit thread_local FrameSlabs* slabs = nullptr;
constinit thread_local bool pool_ended = false;

void empty(FrameList& list) noexcept {
  FreeFrame* frame = std::exchange(list.first, nullptr);
  while (frame != nullptr) FrameSlabs::give_back(slabs, std::exchange(frame, frame->next));
}

/// Gives all frames back when the thread ends. Frames that are freed later go straight to their
/// slabs.
struct Emptier {
  Emptier() = default;
  Emptier(const Emptier&) = delete;
  Emptier& operator=(const Emptier&) = delete;
  ~Emptier() {
    pool_ended = true;
    for (FrameList& list : frame_lists) {
      list.room = 0;
      empty(list);
    }
    std::exchange(slabs, nullptr)->close();
  }
};

void open_slabs() {
  slabs = &FrameSlabs::open();
  thread_local const Emptier emptier;
}

}  // namespace

void* allocate_new_frame(std::size_t size) {
  const std::size_t i = frame_list_of(size);
  if (i >= kFrameLists) return ::operator new(size);
  if (slabs == nullptr) {
    if (pool_ended) return FrameSlabs::take_late(i);
    open_slabs();
  }
  frame_lists[i].room = kMostHeld;  // the list is empty
  return slabs->take(i);
}

void free_old_frame(void* frame, std::size_t list) noexcept {
  if (!FrameSlabs::give_back(slabs, frame)) return;
  empty(frame_lists[list]);
  frame_lists[list].room = kFewHeld;
}

void free_large_frame(void* frame) noexcept { ::operator delete(frame); }

bool may_start_frame(const void* address) noexcept {
  return slabs == nullptr || slabs->may_start_frame(address);
}

}  // namespace eddy::detail
