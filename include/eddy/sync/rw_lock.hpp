// A lock that many readers, or one writer, may hold.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/sync/semaphore.hpp"

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

namespace eddy {

namespace detail {

/// A writer takes all permits, a reader takes one.
inline constexpr std::size_t kAllReaders = std::size_t{1} << 30;

[[noreturn]] EDDY_EXPORT void stop_without_rw_lock() noexcept;

}  // namespace detail

template <class T>
class RwLock;

/// The lock of a `RwLock` for reading, if `T` is const, or for writing. The destructor unlocks. To
/// reach the value by a guard that was unlocked or moved from is undefined.
///
/// **Thread**: one at a time, any.
template <class T>
class [[nodiscard("the lock is given back when the guard is destroyed: name the guard")]]
RwLockGuard final {
 public:
  RwLockGuard(RwLockGuard&& other) noexcept
      : value_(other.value_),
        permits_(std::exchange(other.permits_, nullptr)),
        count_(other.count_) {}
  RwLockGuard& operator=(RwLockGuard&& other) noexcept {
    if (this != &other) {
      unlock();
      value_ = other.value_;
      permits_ = std::exchange(other.permits_, nullptr);
      count_ = other.count_;
    }
    return *this;
  }
  ~RwLockGuard() { unlock(); }

  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return value_; }

  /// Unlocks now. Does nothing if that was done before.
  void unlock() noexcept {
    if (detail::Permits* const permits = std::exchange(permits_, nullptr)) {
      permits->give_back(count_);
    }
  }

 private:
  template <class Value>
  friend class RwLock;
  RwLockGuard(T& value, detail::Permits& permits, std::size_t count) noexcept
      : value_(&value), permits_(&permits), count_(count) {}

  T* value_;
  detail::Permits* permits_;
  std::size_t count_;
};

/// A value that many tasks may read at once, or one may write. Tasks get the lock in the order in
/// which they asked: a reader that comes after a waiting writer waits too, so writers do not
/// starve. A task that has the lock must not ask for it again, not even to read twice: it would
/// wait for itself, or for a writer that waits for it.
///
/// It must outlive the tasks that use it, as a `Mutex`.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::RwLock<Routes> routes;
///     auto reading = co_await routes.read();
///     auto* next = reading->find(name);
template <class T>
class RwLock final {
 public:
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit(sizeof...(Args) == 1) RwLock(Args&&... args) : value_(std::forward<Args>(args)...) {}
  RwLock(const RwLock&) = delete;
  RwLock& operator=(const RwLock&) = delete;

  using ReadGuard = RwLockGuard<const T>;
  using WriteGuard = RwLockGuard<T>;

  /// Waits for the lock, and gives its guard.
  /// **Cancel**: nothing is lost. A lock that was handed to the task goes to the next ones.
  template <class Value>
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED LockOp
      final : public detail::AcquireWait {
   public:
    LockOp(Value& value, detail::Permits& permits, std::size_t count) noexcept
        : AcquireWait(permits, count), value_(&value) {}

    detail::Waiting describe() const noexcept override { return {"a read-write lock", kNoSource}; }
    RwLockGuard<Value> take() noexcept {
      if (this->take_permits() != detail::WaitState::granted) detail::stop_without_rw_lock();
      return RwLockGuard<Value>(*value_, this->permits(), this->count());
    }

   private:
    Value* value_;
  };
  /// To read. Gives a `ReadGuard`.
  LockOp<const T> read() noexcept { return {value_, permits_, 1}; }
  /// To write. Gives a `WriteGuard`.
  LockOp<T> write() noexcept { return {value_, permits_, detail::kAllReaders}; }

  /// The lock for reading, if nobody writes or waits.
  [[nodiscard("it is unlocked at once: write if (auto guard = lock.try_read())")]]
  std::optional<ReadGuard> try_read() noexcept {
    return try_lock<const T>(1);
  }
  /// The lock for writing, if nobody reads, writes or waits.
  [[nodiscard("it is unlocked at once: write if (auto guard = lock.try_write())")]]
  std::optional<WriteGuard> try_write() noexcept {
    return try_lock<T>(detail::kAllReaders);
  }

 private:
  template <class Value>
  std::optional<RwLockGuard<Value>> try_lock(std::size_t count) noexcept {
    if (permits_.try_take(count) != detail::WaitState::granted) return std::nullopt;
    return RwLockGuard<Value>(value_, permits_, count);
  }

  T value_;
  detail::Permits permits_{detail::kAllReaders, "a RwLock"};
};

template <class T>
RwLock(T) -> RwLock<T>;

}  // namespace eddy
