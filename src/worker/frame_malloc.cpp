// Frames straight from the heap, so that the sanitizers see each one. No list ever has room.
// SPDX-License-Identifier: MIT
#include "eddy/worker/frame_pool.hpp"

#include <cstdint>
#include <new>

namespace eddy::detail {

constinit thread_local std::array<FrameList, kFrameLists> frame_lists{};
constinit thread_local NewestFrame newest_frame;

void* allocate_new_frame(std::size_t size) { return ::operator new(size); }

void free_old_frame(void* frame, std::size_t /*list*/) noexcept { ::operator delete(frame); }

void free_large_frame(void* frame) noexcept { ::operator delete(frame); }

bool may_start_frame(const void* address) noexcept {
  return reinterpret_cast<std::uintptr_t>(address) % (2 * sizeof(void*)) == 0;
}

}  // namespace eddy::detail
