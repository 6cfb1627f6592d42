// SPDX-License-Identifier: MIT

#include "eddy/worker/frame_pool.hpp"

#include <cstdint>
#include <new>

namespace eddy::detail {

constinit thread_local std::array<FrameList, kFrameLists> frame_lists{};
constinit thread_local NewestFrame newest_frame;

namespace {

/// What a list may hold, so that frames freed on another thread than they were made on are not
/// hoarded there.
constexpr std::size_t kBytesPerList = std::size_t{256} << 10;

enum class Phase : std::uint8_t { unused, open, closed };

constinit thread_local Phase phase = Phase::unused;

/// Gives the lists back when the thread ends; frames that are freed later go straight to the heap.
struct Emptier {
  Emptier() = default;
  Emptier(const Emptier&) = delete;
  Emptier& operator=(const Emptier&) = delete;
  ~Emptier() {
    phase = Phase::closed;
    for (FrameList& list : frame_lists) {
      list.room = 0;
      while (list.first != nullptr) {
        FrameList::Free* frame = list.first;
        list.first = frame->next;
        ::operator delete(frame);
      }
    }
  }
};

constexpr std::size_t size_of_list(std::size_t i) noexcept {
  return (i + 1) * kFrameGrain - kHeapHeader;
}

void open_lists() noexcept {
  thread_local const Emptier emptier;
  phase = Phase::open;
  for (std::size_t i = 0; i < kFrameLists; ++i) {
    frame_lists[i].room = static_cast<std::uint32_t>(kBytesPerList / size_of_list(i));
  }
}

}  // namespace

void* allocate_new_frame(std::size_t size) {
  const std::size_t i = frame_list_of(size);
  if (i >= kFrameLists) return ::operator new(size);
  if (phase == Phase::unused) open_lists();
  return ::operator new(size_of_list(i));
}

void free_old_frame(void* frame) noexcept { ::operator delete(frame); }

}  // namespace eddy::detail
