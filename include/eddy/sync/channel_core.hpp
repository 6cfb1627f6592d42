// The part of a channel that does not depend on the type of its values.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace eddy::detail {

class SenderWait;
class ReceiverWait;

/// The state that the handles of a channel share. It lives until the last handle, permit and wait
/// is gone.
///
/// Each room for a value is in one of three states: free, reserved, or filled. A room that becomes
/// free goes to the oldest wait that can use it. So while a room is free, no task waits for one.
class EDDY_EXPORT ChannelCore {
 public:
  ChannelCore(const ChannelCore&) = delete;
  ChannelCore& operator=(const ChannelCore&) = delete;

  std::size_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  std::size_t capacity() const noexcept { return capacity_; }
  /// True if nothing can be sent any more, except by permits.
  bool closed() noexcept {
    const SharedLock held(flag_);
    return closed_;
  }

  /// Takes no flag: a value that is moved into a channel may copy a sender.
  void add_sender() noexcept;
  /// A handle goes. Sends that wait are not counted: while one waits for a room, all rooms are
  /// filled or reserved, so the receiver does not ask yet whether senders are left.
  void drop_sender() noexcept;
  /// The receiver's handle goes, and all values that are left.
  void drop_receiver() noexcept;
  void close() noexcept;
  /// `wait` begins, and ends once the channel is closed. False: it is closed.
  EDDY_LOCAL bool begin_closing(SharedWait& wait, Waiter& waiter) noexcept;
  /// Takes out such a wait, whose task leaves.
  EDDY_LOCAL void leave_closing(SharedWait& wait) noexcept;
  /// A permit goes without a value.
  void drop_permit() noexcept;

  /// Reserves a room, if one is free and the channel is open: `granted`, `closed` or `none`.
  WaitState try_reserve() noexcept;
  /// Why `try_receive` found nothing. `granted`: a value has come meanwhile.
  WaitState why_empty() noexcept;

 protected:
  explicit ChannelCore(std::size_t capacity) noexcept : free_(capacity), capacity_(capacity) {}
  ~ChannelCore() = default;

  // The rest needs the flag, unless its comment says something else.

  /// After a value has come.
  void note_value(SharedLock& held) noexcept {
    if (!receivers_.empty()) wake_receiver(held);
  }
  /// A `ReceiverWait` gives its outcome; its reference is not the last.
  void end_receiving() noexcept;
  void add_reference() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// True if it was the last.
  [[nodiscard]] bool end_reference() noexcept {
    return references_.fetch_sub(1, std::memory_order_relaxed) == 1;
  }
  void set_size(std::size_t size) noexcept { size_.store(size, std::memory_order_release); }
  std::size_t free() const noexcept { return free_.load(std::memory_order_relaxed); }
  void set_free(std::size_t free) noexcept { free_.store(free, std::memory_order_relaxed); }
  /// `count` values have left their rooms.
  void free_rooms(SharedLock& held, std::size_t count) noexcept {
    if (senders_.empty()) {
      set_free(free() + count);
    } else {
      pass_rooms(held, count);
    }
  }
  /// `count` values have left their rooms; takes the flag, several times if they are many.
  /// `ends_receiving`: also calls `end_receiving`.
  void free_many(std::size_t count, bool ends_receiving) noexcept;
  /// A permit goes; its room is filled, or passed on. True: the caller destroys the channel.
  [[nodiscard]] bool end_permit(SharedLock& held) noexcept;
  /// A sender or a permit goes. True: the caller destroys the channel.
  [[nodiscard]] bool end_sender(SharedLock& held) noexcept;

  /// Moves the value at `value` into a room that is not free. Gives the next one in its row.
  virtual void* fill_room(void* value) noexcept = 0;
  /// The receiver is gone: destroys `count` values. The flag is free.
  virtual void destroy_values(std::size_t count) noexcept = 0;
  /// Nobody refers to the channel any more. The flag is free.
  virtual void destroy() noexcept = 0;

  SpinFlag<> flag_;
  bool closed_ = false;         ///< the receiver has closed it, or is gone
  bool receiver_gone_ = false;  ///< implies `closed_`
  /// The number of filled rooms. Only the receiver, or its end, makes it less.
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> free_;  ///< written with the flag held
  SharedWaits senders_;            ///< of `SenderWait`s that need rooms
  SharedWaits receivers_;          ///< of `ReceiverWait`s
  SharedWaits closings_;           ///< of `ClosedWait`s
  // Become less only with the flag held.
  std::atomic<std::uint32_t> references_{2};    ///< handles, permits and waits
  std::atomic<std::uint32_t> sender_count_{1};  ///< handles of senders, and permits
  std::size_t reserved_ = 0;                    ///< rooms of permits

 private:
  friend class SenderWait;
  friend class ReceiverWait;

  /// A `ReceiverWait` begins to wait.
  EDDY_LOCAL void begin_receiving() noexcept;
  /// Ends the oldest wait of the receiver's tasks that can be ended.
  void wake_receiver(SharedLock& held) noexcept;
  /// True if no value can come any more.
  bool no_more() const noexcept {
    return sender_count_.load(std::memory_order_relaxed) == 0 || (closed_ && reserved_ == 0);
  }
  /// If no value can come any more, receivers need not wait.
  EDDY_LOCAL void note_end(SharedLock& held) noexcept;
  EDDY_LOCAL void reserve() noexcept;
  void pass_rooms(SharedLock& held, std::size_t count) noexcept;
  /// Gives a room to the oldest wait that can use it. False if there is none.
  EDDY_LOCAL bool pass_room(SharedLock& held) noexcept;
  /// Gives free rooms to `wait`: `granted` if it needs no more, `closed`, or `none`.
  EDDY_LOCAL WaitState serve(SharedLock& held, SenderWait& wait) noexcept;
  /// Ends a wait that does not use the channel afterwards.
  EDDY_LOCAL void end_wait(SharedLock& held, SharedWait& wait, WaitState how) noexcept;
  EDDY_LOCAL void end_waits(SharedLock& held, SharedWaits& waits, WaitState how) noexcept;
  /// A wait has ended that counted as a reference.
  EDDY_LOCAL void drop_reference() noexcept;

  std::size_t capacity_;
  /// `ReceiverWait`s that have begun to wait, and have not given their outcome.
  std::uint32_t receiving_ = 0;
  Worker* receiving_on_ = nullptr;  ///< the worker of the last of them
};

/// A wait for rooms: for the values that stand in a row, or for one permit.
class EDDY_EXPORT SenderWait : public Operation, protected SharedWait {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  SenderWait& operator=(SenderWait&&) = delete;

  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }
  Waiting describe() const noexcept override;

 protected:
  explicit SenderWait(ChannelCore& core) noexcept : core_(&core) {}
  SenderWait(SenderWait&&) noexcept = default;
  /// The destructor of what derives from this calls `give_up`, before its values are destroyed.
  ~SenderWait() = default;

  /// Asks for rooms for the `count` values from `first` on. Until the wait has ended, another
  /// thread may move them.
  void need_values(void* first, std::size_t count) noexcept {
    next_ = first;
    needed_ = count;
  }
  void need_permit() noexcept {
    wants_permit_ = true;
    needed_ = 1;
  }
  /// How many rooms it has not got. The wait has ended, or was given up.
  std::size_t needed() const noexcept { return needed_; }

  bool try_serve() noexcept;
  void give_up() noexcept {
    if (state() != WaitState::none || yields_) [[unlikely]] {
      give_up_slowly();
    }
  }
  ChannelCore& core() const noexcept { return *core_; }

 private:
  friend class ChannelCore;

  void give_up_slowly() noexcept;

  bool wants_permit_ = false;
  /// It needs more rooms, and lets other tasks run first. Until it goes on it counts as a sender.
  bool yields_ = false;
  // Guarded by the channel's flag while the task waits.
  void* next_ = nullptr;  ///< the next value
  std::size_t needed_ = 0;

  ChannelCore* core_;
};

/// Waits until the receiver is gone, or has closed the channel.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] ClosedWait final
    : public Operation,
      private SharedWait {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  explicit ClosedWait(ChannelCore& core) noexcept : core_(&core) {}
  ClosedWait(ClosedWait&&) noexcept = default;
  ClosedWait& operator=(ClosedWait&&) = delete;
  ~ClosedWait() { give_up(); }

  bool try_start() noexcept { return core_->closed(); }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }
  Waiting describe() const noexcept override;
  void take() noexcept { (void)finish(); }

 private:
  void give_up() noexcept {
    if (state() != WaitState::none) [[unlikely]] {
      give_up_slowly();
    }
  }
  void give_up_slowly() noexcept;

  ChannelCore* core_;
};

/// Waits until there is a value to receive, or none can come any more. It takes no value: whoever
/// completes it does so when the task runs. So a task that is cancelled takes none.
class EDDY_EXPORT ReceiverWait : public Operation, private SharedWait {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  ReceiverWait& operator=(ReceiverWait&&) = delete;

  bool try_start() const noexcept { return core_->size() != 0; }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }
  Waiting describe() const noexcept override;

 protected:
  explicit ReceiverWait(ChannelCore& core) noexcept : core_(&core) {}
  ReceiverWait(ReceiverWait&&) noexcept = default;
  ~ReceiverWait() { give_up(); }

  /// True: there is a value.
  bool found() noexcept { return state() == WaitState::none; }
  /// The reason if there is none.
  std::unexpected<std::error_code> take_failure() noexcept;
  ChannelCore& core() const noexcept { return *core_; }
  /// True if the channel counts this wait. Then the caller calls `ChannelCore::end_receiving`.
  bool take_reference() noexcept { return std::exchange(counted_, false); }

 private:
  void give_up() noexcept {
    if (counted_) [[unlikely]] {
      give_up_slowly();
    }
  }
  void give_up_slowly() noexcept;

  bool counted_ = false;  ///< by the channel: from `begin_wait` until it gives its outcome
  ChannelCore* core_;
};

[[noreturn]] EDDY_EXPORT void stop_without_room() noexcept;
[[noreturn]] EDDY_EXPORT void stop_spent_sender(const char* what) noexcept;
/// For the handles of feeds, too.
[[noreturn]] EDDY_EXPORT void stop_moved_from() noexcept;

/// A handle that counts as a sender. Null after a move.
class EDDY_EXPORT SenderHandle {
 public:
  SenderHandle(const SenderHandle& other) noexcept;
  SenderHandle(SenderHandle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  SenderHandle& operator=(SenderHandle other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }

  ~SenderHandle() {
    if (core_ != nullptr) core_->drop_sender();
  }

 protected:
  explicit SenderHandle(ChannelCore& core) noexcept : core_(&core) {}
  ChannelCore& core() const noexcept {
    if (core_ == nullptr) [[unlikely]] {
      stop_moved_from();
    }
    return *core_;
  }
  /// The handle lets go of its channel, which still counts it.
  ChannelCore* release() noexcept { return std::exchange(core_, nullptr); }
  bool has_channel() const noexcept { return core_ != nullptr; }

 private:
  ChannelCore* core_;
};

/// The handle of the receiver. Null after a move.
class EDDY_EXPORT ReceiverHandle {
 public:
  ReceiverHandle(ReceiverHandle&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  ReceiverHandle& operator=(ReceiverHandle&& other) noexcept {
    ReceiverHandle moved(std::move(other));
    std::swap(core_, moved.core_);
    return *this;
  }

  ~ReceiverHandle() {
    if (core_ != nullptr) core_->drop_receiver();
  }

 protected:
  explicit ReceiverHandle(ChannelCore& core) noexcept : core_(&core) {}
  ChannelCore& core() const noexcept {
    if (core_ == nullptr) [[unlikely]] {
      stop_moved_from();
    }
    return *core_;
  }

 private:
  ChannelCore* core_;
};

}  // namespace eddy::detail
