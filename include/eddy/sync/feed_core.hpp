// The part of a broadcast, and of a watch, that does not depend on the type of the values.
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

class FeedCore;

/// What a receiver has seen of a feed. It lives until its receiver and all waits of that receiver
/// are gone.
struct Subscription {
  FeedCore* core;
  // The receiver's.
  std::uint64_t position;  ///< the number of the next value that the receiver gets
  std::uint64_t missed = 0;
  // Guarded by the flag.
  /// The receiver, and its waits that have begun and have not given their outcome.
  std::uint32_t references = 1;
  bool gone = false;           ///< the receiver is
  Worker* waits_on = nullptr;  ///< the worker of its last wait
};

/// The state that the senders and receivers of one feed share. The values of a feed are numbered.
/// The state lives until the last handle and wait is gone.
class EDDY_EXPORT FeedCore {
 public:
  FeedCore(const FeedCore&) = delete;
  FeedCore& operator=(const FeedCore&) = delete;

  /// The number that the next value gets.
  std::uint64_t latest() const noexcept { return latest_.load(std::memory_order_acquire); }
  std::size_t receivers() noexcept {
    const SharedLock held(flag_);
    return receivers_;
  }

  void add_sender() noexcept;
  void drop_sender() noexcept;
  /// A receiver of all values from now on.
  Subscription* subscribe();
  /// A receiver of what `other` has not received yet.
  Subscription* subscribe_as(const Subscription& other);
  void drop_receiver(Subscription& subscription) noexcept;
  /// Whether there is a value for a receiver: `granted`, `closed` or `none`.
  WaitState look(const Subscription& subscription) noexcept;

 protected:
  FeedCore() noexcept = default;
  ~FeedCore() = default;

  /// A value has been added. With the flag held.
  void note_value(SharedLock& held) noexcept {
    latest_.store(latest_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    held.end_all(waits_, WaitState::granted);
  }
  /// No receiver is left. The flag is free.
  virtual void drop_values() noexcept = 0;
  /// Nobody refers to the feed any more. The flag is free.
  virtual void destroy() noexcept = 0;

  SpinFlag<> flag_;
  std::size_t receivers_ = 0;  ///< guarded by the flag

 private:
  friend class FeedWait;

  EDDY_LOCAL void add(Subscription& made, const std::uint64_t* position) noexcept;
  EDDY_LOCAL void refuse_waits(SharedLock& held, const Subscription& subscription) noexcept;
  EDDY_LOCAL void release(Subscription& subscription) noexcept;

  SharedWaits waits_;
  std::atomic<std::uint64_t> latest_{0};  ///< written with the flag held
  std::uint32_t references_ = 1;          ///< senders and subscriptions
  std::uint32_t senders_ = 1;
};

/// Waits until there is a value that the receiver has not seen, or no sender is left. It takes no
/// value.
class EDDY_EXPORT FeedWait : public Operation, private SharedWait {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  FeedWait& operator=(FeedWait&&) = delete;

  bool try_start() const noexcept { return has_new(); }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }
  Waiting describe() const noexcept override;

 protected:
  explicit FeedWait(Subscription& subscription) noexcept : subscription_(&subscription) {}
  FeedWait(FeedWait&&) noexcept = default;
  ~FeedWait() { give_up(); }

  /// True: there is a value.
  bool found() noexcept { return state() == WaitState::none; }
  /// The reason if there is none.
  std::unexpected<std::error_code> take_failure() noexcept;
  Subscription& subscription() const noexcept { return *subscription_; }
  void give_up() noexcept {
    if (state() != WaitState::none || counted_) [[unlikely]] {
      give_up_slowly();
    }
  }

 private:
  friend class FeedCore;

  bool has_new() const noexcept { return subscription_->core->latest() != subscription_->position; }
  EDDY_LOCAL void count_wait() const noexcept;
  void give_up_slowly() noexcept;

  bool counted_ = false;  ///< as a reference to the subscription
  Subscription* subscription_;
};

[[noreturn]] EDDY_EXPORT void stop_broadcast_without_room() noexcept;
[[noreturn]] EDDY_EXPORT void stop_moved_from() noexcept;

/// A handle that counts as a sender. Null after a move.
class EDDY_EXPORT FeedSender {
 public:
  FeedSender(const FeedSender& other) noexcept;
  FeedSender(FeedSender&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  FeedSender& operator=(FeedSender other) noexcept {
    std::swap(core_, other.core_);
    return *this;
  }

  ~FeedSender() {
    if (core_ != nullptr) core_->drop_sender();
  }

 protected:
  explicit FeedSender(FeedCore& core) noexcept : core_(&core) {}
  FeedCore& core() const noexcept {
    if (core_ == nullptr) [[unlikely]] {
      stop_moved_from();
    }
    return *core_;
  }

 private:
  FeedCore* core_;
};

/// A handle with a subscription of its own. Null after a move.
class EDDY_EXPORT FeedReceiver {
 public:
  FeedReceiver(const FeedReceiver& other);
  FeedReceiver(FeedReceiver&& other) noexcept
      : subscription_(std::exchange(other.subscription_, nullptr)) {}
  FeedReceiver& operator=(FeedReceiver other) noexcept {
    std::swap(subscription_, other.subscription_);
    return *this;
  }

  ~FeedReceiver() {
    if (subscription_ != nullptr) subscription_->core->drop_receiver(*subscription_);
  }

 protected:
  explicit FeedReceiver(Subscription& subscription) noexcept : subscription_(&subscription) {}
  Subscription& subscription() const noexcept {
    if (subscription_ == nullptr) [[unlikely]] {
      stop_moved_from();
    }
    return *subscription_;
  }

 private:
  Subscription* subscription_;
};

}  // namespace eddy::detail
