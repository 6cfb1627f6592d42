// A mutex for tasks, with the value that it guards.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/sync/shared_waits.hpp"

#include <atomic>
#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace eddy {

namespace detail {

/// The part of a mutex that does not depend on the type of its value.
class MutexCore {
 public:
  MutexCore() noexcept = default;
  MutexCore(const MutexCore&) = delete;
  MutexCore& operator=(const MutexCore&) = delete;
  EDDY_EXPORT ~MutexCore();

  bool try_lock() noexcept {
    if (locked_.load(std::memory_order_relaxed)) return false;
    const SharedLock held(flag_);
    return take();
  }
  void unlock() noexcept {
    SharedLock held(flag_);
    if (!held.give_first(waits_)) locked_.store(false, std::memory_order_relaxed);
  }

 private:
  friend class LockWait;

  /// With the flag held.
  bool take() noexcept {
    if (locked_.load(std::memory_order_relaxed)) return false;
    locked_.store(true, std::memory_order_relaxed);
    return true;
  }

  SpinFlag<> flag_;
  SharedWaits waits_;
  std::atomic<bool> locked_{false};  ///< written with the flag held; true while anybody waits
};

/// Locks a mutex. Until the lock is taken by `take_lock`, the end of the operation gives it back.
class EDDY_EXPORT LockWait : public Operation {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

  explicit LockWait(MutexCore& mutex) noexcept : mutex_(&mutex) {}
  LockWait(LockWait&&) noexcept = default;
  LockWait& operator=(LockWait&&) = delete;

  bool try_start() noexcept {
    if (!mutex_->try_lock()) return false;
    wait_.set(WaitState::granted);
    return true;
  }
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  void abandon() noexcept override { give_up(); }
  Waiting describe() const noexcept override;

 protected:
  ~LockWait() { give_up(); }

  /// The caller has the lock from now on. Stops the program if the mutex is gone.
  void take_lock() noexcept {
    if (wait_.state() == WaitState::refused) [[unlikely]] {
      stop_without_mutex();
    }
    (void)wait_.finish(mutex_->flag_);
  }

 private:
  void give_up() noexcept {
    if (wait_.state() != WaitState::none) [[unlikely]] {
      leave();
    }
  }
  void leave() noexcept;
  [[noreturn]] static void stop_without_mutex() noexcept;

  MutexCore* mutex_;
  SharedWait wait_;
};

}  // namespace detail

template <class T>
class Mutex;

/// The lock of a `Mutex<T>`, and the way to its value. The destructor unlocks. To reach the value
/// by a guard that was unlocked or moved from is undefined.
///
/// **Thread**: one at a time, any.
template <class T>
class [[nodiscard("the mutex is unlocked when the guard is destroyed: name the guard")]]
MutexGuard final {
 public:
  MutexGuard(MutexGuard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
  MutexGuard& operator=(MutexGuard&& other) noexcept {
    if (this != &other) {
      unlock();
      mutex_ = std::exchange(other.mutex_, nullptr);
    }
    return *this;
  }
  ~MutexGuard() { unlock(); }

  T& operator*() const noexcept { return mutex_->value_; }
  T* operator->() const noexcept { return &mutex_->value_; }

  /// Unlocks now. Does nothing if that was done before.
  void unlock() noexcept {
    if (Mutex<T>* const mutex = std::exchange(mutex_, nullptr)) mutex->core_.unlock();
  }

 private:
  friend class Mutex<T>;
  friend class Condition;
  explicit MutexGuard(Mutex<T>& mutex) noexcept : mutex_(&mutex) {}

  Mutex<T>* mutex_;
};

/// A value that one task at a time may use, across its waits, too. Tasks get the lock in the order
/// in which they asked for it. To lock and unlock a mutex that is free makes no call and does not
/// allocate. For code that does not wait, `BlockingMutex` is enough.
///
/// A task that locks a mutex twice waits for itself for ever; the task dump shows it. The mutex
/// must outlive the tasks that use it: to destroy it while a guard lives stops the program, and so
/// does a task that goes on although the mutex that it waited for is gone.
///
/// **Thread**: any. Tasks of several threads may share it.
///
///     eddy::Mutex<std::vector<int>> numbers;
///     auto guard = co_await numbers.lock();
///     guard->push_back(7);
template <class T>
class Mutex final {
 public:
  template <class... Args>
    requires std::constructible_from<T, Args...>
  explicit(sizeof...(Args) == 1) Mutex(Args&&... args) : value_(std::forward<Args>(args)...) {}
  explicit Mutex(T value) noexcept(std::is_nothrow_move_constructible_v<T>)
    requires std::move_constructible<T>
      : value_(std::move(value)) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  using Guard = MutexGuard<T>;

  /// Waits for the lock; gives a `Guard`.
  /// **Cancel**: nothing is lost. A lock that was handed to the task goes to the next one.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED LockOp
      final : public detail::LockWait {
   public:
    explicit LockOp(Mutex& mutex) noexcept : LockWait(mutex.core_), owner_(&mutex) {}

    Guard take() noexcept {
      this->take_lock();
      return Guard(*owner_);
    }

   private:
    Mutex* owner_;
  };
  LockOp lock() noexcept { return LockOp(*this); }
  /// Refused, as is `std::lock_guard`: a guard unlocks.
  template <class Never = void>
  void unlock() noexcept {
    static_assert(!std::is_void_v<Never>,
                  "the guard unlocks: auto guard = co_await mutex.lock(). Standard locks such as "
                  "std::lock_guard cannot wait in a task; eddy::BlockingMutex takes them");
  }

  /// The lock, if nobody has it or waits for it: `if (auto guard = mutex.try_lock()) ...`.
  [[nodiscard("it is unlocked at once: write if (auto guard = mutex.try_lock())")]]
  std::optional<Guard> try_lock() noexcept {
    if (!core_.try_lock()) return std::nullopt;
    return Guard(*this);
  }

 private:
  friend class MutexGuard<T>;
  friend class Condition;

  T value_;
  detail::MutexCore core_;
};

template <class T>
Mutex(T) -> Mutex<T>;

}  // namespace eddy
