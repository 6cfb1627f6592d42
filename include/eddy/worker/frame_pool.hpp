// Memory for coroutine frames: the thread's free lists, one for each size class, each bounded.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/frame_slabs.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>

namespace eddy::detail {

/// Frames of one size class that this thread has freed and may use again.
struct FrameList {
  FreeFrame* first = nullptr;
  std::uint32_t room = 0;  ///< how many more it may hold; 0 until the thread allocates a frame
};

EDDY_EXPORT extern constinit thread_local std::array<FrameList, kFrameLists> frame_lists;

/// The block that this thread has allocated last for a coroutine.
struct NewestFrame {
  void* block = nullptr;
  std::size_t size = 0;
};
EDDY_EXPORT extern constinit thread_local NewestFrame newest_frame;

/// Allocates from a slab; a large frame from operator new. Throws std::bad_alloc.
EDDY_EXPORT void* allocate_new_frame(std::size_t size);
/// Gives a frame back to its slab. `list` is its size class.
EDDY_EXPORT void free_old_frame(void* frame, std::size_t list) noexcept;
/// Gives back a frame that is too large for a slab. Not inline: g++ would see a `delete` of what
/// another function than `new` has returned, and warn.
EDDY_EXPORT void free_large_frame(void* frame) noexcept;
/// False if the address is known not to be the start of a frame.
bool may_start_frame(const void* address) noexcept;

// Inline, because the size of a frame is a constant in each caller. So only a pop or a push is
// left.

inline void* allocate_frame(std::size_t size) {
  const std::size_t i = frame_list_of(size);
  if (i < kFrameLists) {
    FrameList& list = frame_lists[i];
    if (FreeFrame* frame = list.first) {
      list.first = frame->next;
      ++list.room;
      return frame;
    }
  }
  return allocate_new_frame(size);
}

inline void free_frame(void* frame, std::size_t size) noexcept {
  const std::size_t i = frame_list_of(size);
  if (i >= kFrameLists) {
    free_large_frame(frame);
    return;
  }
  FrameList& list = frame_lists[i];
  if (list.room == 0) {
    free_old_frame(frame, i);
    return;
  }
  --list.room;
  list.first = new (frame) FreeFrame{list.first};
}

}  // namespace eddy::detail
