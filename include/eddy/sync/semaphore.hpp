// A number of permits that tasks take and give back.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <atomic>
#include <cstddef>
#include <utility>

namespace eddy {

namespace detail {

/// The permits of a semaphore, or of a read-write lock, of which a reader takes one and a writer
/// all.
class Permits {
 public:
  /// `name` is what a message calls the owner: "a Semaphore".
  Permits(std::size_t count, const char* name) noexcept : free_(count), name_(name) {}
  Permits(const Permits&) = delete;
  Permits& operator=(const Permits&) = delete;
  EDDY_EXPORT ~Permits();

  /// Takes `count` of them, if so many are free and nobody waits. Gives `granted`, `closed`, or
  /// `none`.
  WaitState try_take(std::size_t count) noexcept {
    if (free_.load(std::memory_order_relaxed) < count && !closed_.load(std::memory_order_relaxed)) {
      return WaitState::none;
    }
    const SharedLock held(flag_);
    return take(count);
  }
  /// Gives back `count` that were taken.
  void give_back(std::size_t count) noexcept {
    SharedLock held(flag_);
    taken_ -= count;
    add(held, count);
  }
  /// Adds `count` new ones.
  void make(std::size_t count) noexcept {
    SharedLock held(flag_);
    add(held, count);
  }
  /// `count` that were taken are never given back.
  void forget(std::size_t count) noexcept {
    const SharedLock held(flag_);
    taken_ -= count;
  }
  EDDY_EXPORT void close() noexcept;
  bool closed() const noexcept { return closed_.load(std::memory_order_relaxed); }
  std::size_t free() const noexcept { return free_.load(std::memory_order_relaxed); }

 private:
  friend class AcquireWait;

  WaitState take(std::size_t count) noexcept {
    if (closed()) return WaitState::closed;
    if (free() < count || !waits_.empty()) return WaitState::none;
    free_.store(free() - count, std::memory_order_relaxed);
    taken_ += count;
    return WaitState::granted;
  }
  void add(SharedLock& held, std::size_t count) noexcept {
    free_.store(free() + count, std::memory_order_relaxed);
    if (!waits_.empty()) grant(held);
  }
  /// Gives what is free to those who wait, in their order.
  EDDY_EXPORT void grant(SharedLock& held) noexcept;

  SpinFlag<> flag_;
  SharedWaits waits_;
  // Written with the flag held.
  std::atomic<std::size_t> free_;
  std::atomic<bool> closed_{false};
  std::size_t taken_ = 0;
  const char* name_;
};

/// Takes permits. Until `take_permits` is called, the end of the operation gives them back.
class EDDY_EXPORT AcquireWait : public Operation, private SharedWait {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  AcquireWait& operator=(AcquireWait&&) = delete;

  bool try_start() noexcept {
    const WaitState state = permits_->try_take(count_);
    if (state == WaitState::none) return false;
    set(state);
    return true;
  }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }

 protected:
  AcquireWait(Permits& permits, std::size_t count) noexcept : permits_(&permits), count_(count) {}
  AcquireWait(AcquireWait&&) noexcept = default;
  ~AcquireWait() { give_up(); }

  /// How the wait has ended. If `granted`, the caller has the permits.
  WaitState take_permits() noexcept {
    return state() == WaitState::granted ? finish(permits_->flag_) : finish();
  }
  Permits& permits() const noexcept { return *permits_; }
  std::size_t count() const noexcept { return count_; }

 private:
  friend class Permits;

  void give_up() noexcept {
    if (state() != WaitState::none) [[unlikely]] {
      give_up_slowly();
    }
  }
  void give_up_slowly() noexcept;

  Permits* permits_;
  std::size_t count_;
};

}  // namespace detail

/// Permits of a `Semaphore`. The destructor gives them back.
///
/// **Thread**: one at a time, any.
class [[nodiscard("the permits go back when this is destroyed: name it, or forget() them")]]
SemaphorePermit final {
 public:
  SemaphorePermit(SemaphorePermit&& other) noexcept
      : permits_(std::exchange(other.permits_, nullptr)), count_(other.count_) {}
  SemaphorePermit& operator=(SemaphorePermit&& other) noexcept {
    if (this != &other) {
      release();
      permits_ = std::exchange(other.permits_, nullptr);
      count_ = other.count_;
    }
    return *this;
  }
  ~SemaphorePermit() { release(); }

  /// How many permits this has.
  std::size_t count() const noexcept { return permits_ != nullptr ? count_ : 0; }
  /// Gives them back now. Does nothing if that was done before.
  void release() noexcept {
    if (detail::Permits* const permits = std::exchange(permits_, nullptr)) {
      permits->give_back(count_);
    }
  }
  /// They are never given back: the semaphore has so many less from now on.
  void forget() noexcept {
    if (detail::Permits* const permits = std::exchange(permits_, nullptr)) permits->forget(count_);
  }

 private:
  friend class Semaphore;
  SemaphorePermit(detail::Permits& permits, std::size_t count) noexcept
      : permits_(&permits), count_(count) {}

  detail::Permits* permits_;
  std::size_t count_;
};

/// A number of permits. A task takes some, waits while there are too few, and gives them back. The
/// tasks get them in the order in which they asked, so one that asks for many is not passed over by
/// those that ask for few.
///
/// The semaphore must outlive its `SemaphorePermit`s, else the program stops. If it is destroyed
/// while a task of this thread waits, that wait ends with operation_canceled; a wait of another
/// thread's task stops the program.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::Semaphore downloads(4);
///     auto permit = co_await eddy::ok(downloads.acquire());
class Semaphore final {
 public:
  explicit Semaphore(std::size_t permits) noexcept : permits_(permits, "a Semaphore") {}

  /// Waits for `count` permits, and gives them as one `SemaphorePermit`. If there are never so
  /// many, the task waits for ever, and so do those that ask later.
  /// **Errors**: `Error::closed`; operation_canceled if the semaphore was destroyed.
  /// **Cancel**: nothing is lost. Permits that were given to the task go to the next one.
  class [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED AcquireOp final
      : public detail::AcquireWait {
   public:
    AcquireOp(detail::Permits& permits, std::size_t count) noexcept : AcquireWait(permits, count) {}

    detail::Waiting describe() const noexcept override { return {"a semaphore", kNoSource}; }
    Result<SemaphorePermit> take() noexcept {
      const detail::WaitState how = take_permits();
      if (how != detail::WaitState::granted) return detail::wait_failure(how);
      return SemaphorePermit(permits(), count());
    }
  };
  AcquireOp acquire(std::size_t count = 1) noexcept { return {permits_, count}; }

  /// Takes `count` permits if so many are free and no task waits for permits.
  /// **Errors**: `Error::closed`; resource_unavailable_try_again if they are not free.
  [[nodiscard]] Result<SemaphorePermit> try_acquire(std::size_t count = 1) noexcept {
    const detail::WaitState how = permits_.try_take(count);
    if (how != detail::WaitState::granted) return detail::wait_failure(how);
    return SemaphorePermit(permits_, count);
  }

  /// Makes the semaphore larger by `count` permits. Not to be called after `acquire`: a permit goes
  /// back by itself.
  void add_permits(std::size_t count) noexcept { permits_.make(count); }
  /// Ends all waits, and all later ones, with `Error::closed`. Permits may still be given back.
  void close() noexcept { permits_.close(); }
  bool closed() const noexcept { return permits_.closed(); }
  /// How many permits are free. Other threads may take some before the caller can.
  std::size_t available() const noexcept { return permits_.free(); }

 private:
  detail::Permits permits_;
};

}  // namespace eddy
