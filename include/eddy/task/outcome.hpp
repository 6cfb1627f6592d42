// How a task ended, kept by the owner of the task.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/task/promise.hpp"
#include "eddy/worker/lost_exception.hpp"

#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy::detail {

/// How an outcome keeps a `T`, so that moving the outcome cannot throw.
template <class T>
struct Kept {
  static constexpr bool kMayThrow = !std::is_nothrow_move_constructible_v<T>;
  using type = std::conditional_t<kMayThrow, std::unique_ptr<std::remove_const_t<T>>,
                                  std::remove_const_t<T>>;
};
template <class T>
struct Kept<T&> {
  static constexpr bool kMayThrow = false;
  using type = T*;
};
template <>
struct Kept<void> {
  static constexpr bool kMayThrow = false;
  using type = std::monostate;
};

/// The outcome of a task: pending until the task has ended, then its value, its exception, or
/// cancelled. The destructor reports an exception that nobody has taken.
template <class T>
class Outcome {
 public:
  enum class State : std::uint8_t {
    pending,
    cancelled,
    value,
    taken,  ///< it had a value, which was taken
    threw,
    heard,  ///< it threw, and the exception was taken
  };

  Outcome() noexcept {}
  Outcome(Outcome&& other) noexcept { take_over(other); }
  Outcome& operator=(Outcome&& other) noexcept {
    if (this == &other) return *this;
    clear();
    take_over(other);
    return *this;
  }
  ~Outcome() { end(nullptr); }

  /// Takes the value or exception of `ended`; null means a cancelled task. If moving the value
  /// throws, that exception is the outcome.
  void take_from(PromiseBase* ended) noexcept {
    if (ended == nullptr) {
      state_ = State::cancelled;
    } else if (ended->threw) {
      keep_exception(std::move(ended->exception), *ended);
    } else if constexpr (Kept<T>::kMayThrow) {
      try {
        keep_value(static_cast<PromiseOf<T>&>(*ended).stored);
      } catch (...) {
        keep_exception(std::current_exception(), *ended);
      }
    } else {
      keep_value(static_cast<PromiseOf<T>&>(*ended).stored);
    }
  }

  /// Returns the value, once; or throws the exception.
  T take() {
    if (threw()) std::rethrow_exception(hear());
    EDDY_ASSERT(state_ == State::value);
    if constexpr (std::is_reference_v<T>) {
      return *value_;
    } else if constexpr (Kept<T>::kMayThrow) {
      state_ = State::taken;
      return std::move(*value_);
    } else if constexpr (!std::is_void_v<T>) {
      state_ = State::taken;
      return std::move(value_);
    }
  }

  State state() const noexcept { return state_; }
  bool pending() const noexcept { return state_ == State::pending; }
  bool threw() const noexcept { return state_ >= State::threw; }
  /// True if it has a `Result` that is an error and was not taken.
  bool is_error() const noexcept
    requires is_result<T>
  {
    if (state_ != State::value) return false;
    if constexpr (Kept<T>::kMayThrow) {
      return !value_->has_value();
    } else {
      return !value_.has_value();
    }
  }
  /// The exception, which counts as taken from now on.
  const std::exception_ptr& hear() noexcept {
    state_ = State::heard;
    return caught_.exception;
  }

  /// Makes it pending again. If it is a branch's outcome, `parent` is the task that waits for the
  /// branch.
  void clear(const Waiter* parent = nullptr) noexcept {
    end(parent);
    state_ = State::pending;
  }
  /// True if it has an exception that was not taken.
  bool unheard() const noexcept { return state_ == State::threw; }

 private:
  using Value = typename Kept<T>::type;

  void keep_value(Stored<T>& stored) noexcept(!Kept<T>::kMayThrow) {
    // By placement new, so that `take` constructs its result in place.
    if constexpr (std::is_reference_v<T>) {
      value_ = &stored.take();
    } else if constexpr (Kept<T>::kMayThrow) {
      std::construct_at(&value_, new std::remove_const_t<T>(stored.take()));
    } else if constexpr (!std::is_void_v<T>) {
      ::new (static_cast<void*>(&value_)) Value(stored.take());
    }
    state_ = State::value;
  }
  void keep_exception(std::exception_ptr&& exception, const PromiseBase& ended) noexcept {
    std::construct_at(&caught_, std::move(exception), ended.spawned_at());
    state_ = State::threw;
  }

  void take_over(Outcome& other) noexcept {
    if (other.threw()) {
      std::construct_at(&caught_, std::move(other.caught_));
      std::destroy_at(&other.caught_);
    } else if (other.has_value()) {
      std::construct_at(&value_, std::move(other.value_));
      std::destroy_at(&other.value_);
    }
    state_ = std::exchange(other.state_, State::pending);
  }
  bool has_value() const noexcept { return state_ == State::value || state_ == State::taken; }
  void end(const Waiter* parent) noexcept {
    if (threw()) [[unlikely]] {
      if (unheard()) report_lost_exception(caught_, parent);
      std::destroy_at(&caught_);
    } else if (has_value()) {
      std::destroy_at(&value_);
    }
  }

  union {
    Value value_;             ///< alive if the state is `value` or `taken`
    CaughtException caught_;  ///< alive if the task threw
  };
  State state_ = State::pending;
};

}  // namespace eddy::detail
