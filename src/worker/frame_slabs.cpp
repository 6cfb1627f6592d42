// SPDX-License-Identifier: MIT

#include "eddy/worker/frame_slabs.hpp"

#include "eddy/platform/assert.hpp"
#include "eddy/platform/sys.hpp"

#include <algorithm>
#include <functional>
#include <new>
#include <utility>

namespace eddy::detail {

/// The head of a slab. Its frames follow it.
struct FrameSlabs::Slab {
  explicit Slab(FrameSlabs& of, std::size_t list) noexcept
      : owner(&of), size(static_cast<std::uint32_t>((list + 1) * kFrameGrain)) {}

  static constexpr std::uint32_t kFirstFrame = 64;

  static Slab& of(const void* frame) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(frame);
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return *reinterpret_cast<Slab*>(address & ~(std::uintptr_t{kSlabSize} - 1));
  }

  std::size_t list() const noexcept { return frame_list_of(size); }
  bool has_frame_at(const void* address) const noexcept {
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(address) -
                                                 reinterpret_cast<const std::byte*>(this));
    return offset >= kFirstFrame && (offset - kFirstFrame) % size == 0;
  }
  bool is_full() const noexcept { return free == nullptr && fresh + size > kSlabSize; }

  void* take() noexcept {
    ++used;
    if (FreeFrame* const frame = free) {
      free = frame->next;
      return frame;
    }
    return reinterpret_cast<std::byte*>(this) + std::exchange(fresh, fresh + size);
  }

  /// Only the owner changes it, under `sys::lock_process`. So a thread may ask without the lock
  /// whether it is the owner.
  std::atomic<FrameSlabs*> owner;
  Slab* next_room = nullptr;
  Slab* previous_room = nullptr;
  Slab* next = nullptr;
  Slab* previous = nullptr;
  FreeFrame* free = nullptr;
  std::uint32_t used = 0;             ///< the number of live frames
  std::uint32_t fresh = kFirstFrame;  ///< the offset of the first frame that was never used: pages
                                      ///< from there on were never touched
  std::uint32_t size;                 ///< of a frame
};

/// The slabs of the process. Never destroyed, for static destructors may free frames.
struct FrameSlabs::Late {
  constexpr Late() noexcept {}
  Late(const Late&) = delete;
  Late& operator=(const Late&) = delete;
  ~Late() {}

  union {
    FrameSlabs slabs{0};
  };
};

constinit FrameSlabs::Late FrameSlabs::late;

namespace {

class ProcessLock {
 public:
  ProcessLock() noexcept { sys::lock_process(); }
  ProcessLock(const ProcessLock&) = delete;
  ProcessLock& operator=(const ProcessLock&) = delete;
  ~ProcessLock() { sys::unlock_process(); }
};

constinit std::atomic<std::size_t> slab_count = 0;

void* map_slab() {
  void* const memory = sys::map_memory(FrameSlabs::kSlabSize);
  if (memory == nullptr) throw std::bad_alloc();
  slab_count.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

bool unmap_slab(void* slab) noexcept {
  if (!sys::unmap_memory(slab, FrameSlabs::kSlabSize)) return false;
  slab_count.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

}  // namespace

std::size_t FrameSlabs::count() noexcept { return slab_count.load(std::memory_order_relaxed); }

FrameSlabs& FrameSlabs::open() { return *new FrameSlabs(kSpares); }

void FrameSlabs::close() noexcept {
  {
    const ProcessLock lock;
    put_all(std::exchange(foreign_, nullptr));
    late.slabs.adopt_all(*this);
  }
  while (Slab* const spare = spares_) {
    spares_ = spare->next;
    if (unmap_slab(spare)) continue;
    const ProcessLock lock;
    late.slabs.add_spare(*spare);
  }
  delete this;
}

void FrameSlabs::adopt_all(FrameSlabs& other) noexcept {
  while (Slab* const slab = other.all_) {
    other.remove(*slab);
    slab->owner.store(this, std::memory_order_relaxed);
    add(*slab);
    if (!slab->is_full()) add_room(*slab);
  }
}

void* FrameSlabs::take(std::size_t list) {
  if (has_foreign_.load(std::memory_order_relaxed)) take_foreign();
  Slab* slab = rooms_[list];
  if (slab == nullptr) slab = &add_slab(list);
  void* const frame = slab->take();
  if (slab->is_full()) remove_room(*slab);
  return frame;
}

void* FrameSlabs::take_late(std::size_t list) {
  const ProcessLock lock;
  return late.slabs.take(list);
}

FrameSlabs::Slab& FrameSlabs::add_slab(std::size_t list) {
  static_assert(sizeof(Slab) <= Slab::kFirstFrame);
  void* memory = spares_;
  if (memory == nullptr) {
    memory = map_slab();
    if (std::exchange(has_unmapped_, false)) {
      most_spares_ = std::min(2 * most_spares_, kMostSpares);
    }
  } else {
    spares_ = spares_->next;
    --spare_count_;
  }
  Slab& slab = *new (memory) Slab(*this, list);
  add(slab);
  add_room(slab);
  return slab;
}

bool FrameSlabs::give_back(FrameSlabs* own, void* frame) noexcept {
  Slab& slab = Slab::of(frame);
  if (slab.owner.load(std::memory_order_relaxed) == own) {
    if (own->has_foreign_.load(std::memory_order_relaxed)) own->take_foreign();
    return own->put(slab, frame);
  }
  const ProcessLock lock;
  FrameSlabs& owner = *slab.owner.load(std::memory_order_relaxed);
  if (&owner == &late.slabs) {
    owner.put(slab, frame);
  } else {
    owner.foreign_ = new (frame) FreeFrame{owner.foreign_};
    owner.has_foreign_.store(true, std::memory_order_relaxed);
  }
  return false;
}

bool FrameSlabs::put(Slab& slab, void* frame) noexcept {
  EDDY_ASSERT(slab.used != 0);
  EDDY_ASSERT(slab.has_frame_at(frame));
  const bool was_full = slab.is_full();
  slab.free = new (frame) FreeFrame{slab.free};
  if (was_full) add_room(slab);
  if (--slab.used != 0) return false;
  drop(slab);
  return true;
}

void FrameSlabs::put_all(FreeFrame* frames) noexcept {
  while (frames != nullptr) {
    FreeFrame* const frame = std::exchange(frames, frames->next);
    put(Slab::of(frame), frame);
  }
}

void FrameSlabs::take_foreign() noexcept {
  FreeFrame* frames = nullptr;
  {
    const ProcessLock lock;
    frames = std::exchange(foreign_, nullptr);
    has_foreign_.store(false, std::memory_order_relaxed);
  }
  put_all(frames);
}

void FrameSlabs::drop(Slab& slab) noexcept {
  remove_room(slab);
  remove(slab);
  if (spare_count_ >= most_spares_ && unmap_slab(&slab)) {
    has_unmapped_ = true;
  } else {
    add_spare(slab);
  }
}

bool FrameSlabs::may_start_frame(const void* address) const noexcept {
  const auto* const at = static_cast<const std::byte*>(address);
  for (const Slab* slab = all_; slab != nullptr; slab = slab->next) {
    const auto* const start = reinterpret_cast<const std::byte*>(slab);
    if (std::less<>()(at, start) || !std::less<>()(at, start + kSlabSize)) continue;
    return slab->has_frame_at(at);
  }
  return reinterpret_cast<std::uintptr_t>(address) % kFrameGrain == 0;
}

void FrameSlabs::add_spare(Slab& slab) noexcept {
  slab.next = std::exchange(spares_, &slab);
  ++spare_count_;
}

void FrameSlabs::add_room(Slab& slab) noexcept {
  Slab*& first = rooms_[slab.list()];
  slab.previous_room = nullptr;
  slab.next_room = first;
  if (first != nullptr) first->previous_room = &slab;
  first = &slab;
}

void FrameSlabs::remove_room(Slab& slab) noexcept {
  (slab.previous_room != nullptr ? slab.previous_room->next_room : rooms_[slab.list()]) =
      slab.next_room;
  if (slab.next_room != nullptr) slab.next_room->previous_room = slab.previous_room;
}

void FrameSlabs::add(Slab& slab) noexcept {
  slab.previous = nullptr;
  slab.next = all_;
  if (all_ != nullptr) all_->previous = &slab;
  all_ = &slab;
}

void FrameSlabs::remove(Slab& slab) noexcept {
  (slab.previous != nullptr ? slab.previous->next : all_) = slab.next;
  if (slab.next != nullptr) slab.next->previous = slab.previous;
}

}  // namespace eddy::detail
