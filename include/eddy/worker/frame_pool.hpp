// Memory for coroutine frames, from bounded free lists of the thread by size.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace eddy::detail {

/// The frames of one size that this thread has freed and not yet used again.
struct FrameList {
  struct Free {
    Free* next;
  };

  Free* first = nullptr;
  std::uint32_t room = 0;  ///< how many more it may hold; none until the thread allocates a frame
};

/// A block of glibc's heap is a multiple of 16 bytes, 8 of which are its own; others waste no more.
inline constexpr std::size_t kFrameGrain = 16;
inline constexpr std::size_t kHeapHeader = 8;
inline constexpr std::size_t kFrameLists = 128;

EDDY_EXPORT extern constinit thread_local std::array<FrameList, kFrameLists> frame_lists;

/// The block that this thread has last made for a coroutine.
struct NewestFrame {
  void* block = nullptr;
  std::size_t size = 0;
};
EDDY_EXPORT extern constinit thread_local NewestFrame newest_frame;

/// The list of a size; kFrameLists or more if there is none.
constexpr std::size_t frame_list_of(std::size_t size) noexcept {
  return (size + kHeapHeader - 1) / kFrameGrain;
}

/// From the heap.
EDDY_EXPORT void* allocate_new_frame(std::size_t size);
/// To the heap.
EDDY_EXPORT void free_old_frame(void* frame) noexcept;

// Inline, because the size of a frame is a constant where it is made and freed: what is left is a
// pop and a push.

inline void* allocate_frame(std::size_t size) {
  const std::size_t i = frame_list_of(size);
  if (i < kFrameLists) {
    FrameList& list = frame_lists[i];
    if (FrameList::Free* frame = list.first) {
      list.first = frame->next;
      ++list.room;
      return frame;
    }
  }
  return allocate_new_frame(size);
}

inline void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t i = frame_list_of(size);
  if (i < kFrameLists) {
    FrameList& list = frame_lists[i];
    if (list.room != 0) {
      --list.room;
      list.first = new (frame) FrameList::Free{list.first};
      return;
    }
  }
  free_old_frame(frame);
}

}  // namespace eddy::detail
