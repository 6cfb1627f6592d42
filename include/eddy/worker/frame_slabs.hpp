// Slabs: blocks of memory from the system that are cut into coroutine frames of one size.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/compiler.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace eddy::detail {

/// The size of each frame is rounded up to a multiple of this. A frame that needs an alignment of
/// 16 has a size that is a multiple of 16, so its address in the slab is aligned too.
inline constexpr std::size_t kFrameGrain = 8;
/// The number of size classes: one for each multiple, up to 2 KiB. Larger frames come from operator
/// new.
inline constexpr std::size_t kFrameLists = 256;

/// The size class of a size; kFrameLists or more if there is none.
constexpr std::size_t frame_list_of(std::size_t size) noexcept {
  return (size + kFrameGrain - 1) / kFrameGrain - 1;
}

/// A free frame.
struct FreeFrame {
  FreeFrame* next;
};

/// The slabs of one thread. A slab is aligned to its size, so masking the address of a frame gives
/// its slab, and a frame needs no header. A slab whose last frame is given back returns to the
/// system, except for a few spare slabs. A thread that needs slabs again after that keeps more.
///
/// A frame may be given back on any thread. A slab belongs to the thread that has mapped it until
/// that thread ends, and to the process from then on. Frames for static destructors come from slabs
/// of the process. `sys::lock_process` guards the slabs of the process, and the lists of frames
/// that other threads have given back. A thread collects its list when it next takes a frame from a
/// slab, or gives one back.
class FrameSlabs {
 public:
  static constexpr std::size_t kSlabSize = std::size_t{64} << 10;
  static constexpr std::size_t kSpares = 2;       ///< empty slabs that a thread keeps
  static constexpr std::size_t kMostSpares = 32;  ///< of a thread that needs them again and again

  FrameSlabs(const FrameSlabs&) = delete;
  FrameSlabs& operator=(const FrameSlabs&) = delete;

  /// The slabs of a new thread. Throws std::bad_alloc.
  static FrameSlabs& open();
  /// Call when the thread ends. Slabs with live frames go to the process, the others to the system.
  void close() noexcept;

  /// Takes a frame of a size class. Throws std::bad_alloc.
  void* take(std::size_t list);
  /// As `take`, from the slabs of the process.
  static void* take_late(std::size_t list);
  /// Gives a frame back. `own` are the slabs of the calling thread, or null. True if a slab of
  /// `own` has become empty.
  static bool give_back(FrameSlabs* own, void* frame) noexcept;

  /// False if the address is in one of these slabs, and no frame starts there.
  bool may_start_frame(const void* address) const noexcept;

  /// The number of slabs in the process.
  static std::size_t count() noexcept;

 private:
  struct Slab;
  struct Late;
  static Late late;

  constexpr explicit FrameSlabs(std::size_t most_spares) noexcept : most_spares_(most_spares) {}
  ~FrameSlabs() = default;

  Slab& add_slab(std::size_t list);
  bool put(Slab& slab, void* frame) noexcept;
  void put_all(FreeFrame* frames) noexcept;
  void take_foreign() noexcept;
  void drop(Slab& slab) noexcept;
  void add_spare(Slab& slab) noexcept;
  void adopt_all(FrameSlabs& other) noexcept;
  void add_room(Slab& slab) noexcept;
  void remove_room(Slab& slab) noexcept;
  void add(Slab& slab) noexcept;
  void remove(Slab& slab) noexcept;

  std::array<Slab*, kFrameLists> rooms_{};  ///< the slabs with room, by size class
  Slab* all_ = nullptr;                     ///< all slabs except the spare ones
  Slab* spares_ = nullptr;
  std::size_t spare_count_ = 0;
  std::size_t most_spares_;
  bool has_unmapped_ = false;     ///< a slab was unmapped since the last one was mapped
  FreeFrame* foreign_ = nullptr;  ///< given back by other threads; guarded by `sys::lock_process`
  std::atomic<bool> has_foreign_ = false;
};

}  // namespace eddy::detail
