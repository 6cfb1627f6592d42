// How a task ended, kept by whoever waits for it.
// SPDX-License-Identifier: MIT
#pragma once

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

/// How an outcome keeps a `T`: it can be moved without an exception.
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

/// What a task gave: pending until it has ended, then its value or exception for the one who may
/// ask, or that it was cancelled. An exception that nobody has asked for is reported when the
/// outcome goes.
template <class T>
class Outcome {
 public:
  enum class State : std::uint8_t {
    pending,
    cancelled,
    value,
    taken,  ///< the value was, and is not to be had again
    threw,
    heard,  ///< threw, and somebody has got the exception
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

  /// Takes what `ended` holds; null is a cancelled task. If moving the value throws, that exception
  /// is the outcome.
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

  /// The value, once; or throws the exception.
  T take() {
    if (threw()) std::rethrow_exception(hear());
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
  /// It has a `Result` that is an error, and that nobody has taken.
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
  /// The exception; whoever gets it is told by it.
  const std::exception_ptr& hear() noexcept {
    state_ = State::heard;
    return caught_.exception;
  }

  /// Forgets it. `parent` is the task that waits for a branch, if this is the outcome of one.
  void clear(const Waiter* parent = nullptr) noexcept {
    end(parent);
    state_ = State::pending;
  }
  /// It has an exception that nobody has asked for.
  bool unheard() const noexcept { return state_ == State::threw; }

 private:
  using Value = typename Kept<T>::type;

  void keep_value(Stored<T>& stored) noexcept(!Kept<T>::kMayThrow) {
    // By placement, so that what `take` gives is made in its place.
    if constexpr (std::is_reference_v<T>) {
      value_ = &stored.take();
    } else if constexpr (Kept<T>::kMayThrow) {
      std::construct_at(&value_, new std::remove_const_t<T>(stored.take()));
    } else if constexpr (!std::is_void_v<T>) {
      ::new (static_cast<void*>(&value_)) Value(stored.take());
    }
    state_ = State::value;
  }
  void keep_exception(std::exception_ptr&& exception, const TaskHeader& ended) noexcept {
    std::construct_at(&caught_, std::move(exception), ended.spawned_at);
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
    Value value_;             ///< alive if there is one, also when it was taken
    CaughtException caught_;  ///< alive if the task threw
  };
  State state_ = State::pending;
};

}  // namespace eddy::detail
