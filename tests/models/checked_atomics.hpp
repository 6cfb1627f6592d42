// Atomics of the model checker Relacy with the interface of the standard ones, for the classes of
// eddy that are templates over their atomics. A weakened order shows that a model can fail.
// SPDX-License-Identifier: MIT
#pragma once

// Before Relacy, which defines macros with names of the language and of the library.
#include <atomic>
#include <cstdint>
#include <source_location>
#include <type_traits>

#include <relacy/relacy.hpp>

namespace eddy::model {

enum class Access : std::uint8_t { load, store, exchange, compare_exchange, add, subtract };

/// The role of an atomic, for the models that weaken the order of its accesses.
enum class Part : std::uint8_t { head, parked, posted, count, flag, state, set, size };

/// An order that a model makes weaker than in the code.
struct Weakened {
  Part part;
  Access access;
  std::memory_order order;
  std::memory_order instead;
};

/// The weakened order of the running simulation; null if it checks the code as it is.
inline const Weakened* weakened = nullptr;

inline rl::memory_order order_of(Part part, Access access, std::memory_order order) {
  if (weakened != nullptr && weakened->part == part && weakened->access == access &&
      weakened->order == order) {
    order = weakened->instead;
  }
  switch (order) {
    case std::memory_order::relaxed:
      return rl::mo_relaxed;
    case std::memory_order::consume:
      return rl::mo_consume;
    case std::memory_order::acquire:
      return rl::mo_acquire;
    case std::memory_order::release:
      return rl::mo_release;
    case std::memory_order::acq_rel:
      return rl::mo_acq_rel;
    case std::memory_order::seq_cst:
      break;
  }
  return rl::mo_seq_cst;
}

/// Lets a history of Relacy name the line of eddy.
inline rl::debug_info info(const std::source_location& place) {
  return {place.function_name(), place.file_name(), place.line()};
}

template <class T, Part kPart>
class CheckedAtomic {
 public:
  using Place = std::source_location;
  static constexpr std::memory_order kStrongest = std::memory_order::seq_cst;

  CheckedAtomic(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): as std::atomic

  T load(std::memory_order order = kStrongest, Place place = Place::current()) const {
    return value_.load(order_of(kPart, Access::load, order), info(place));
  }
  void store(T value, std::memory_order order = kStrongest, Place place = Place::current()) {
    value_.store(value, order_of(kPart, Access::store, order), info(place));
  }
  T exchange(T value, std::memory_order order = kStrongest, Place place = Place::current()) {
    return value_.exchange(value, order_of(kPart, Access::exchange, order), info(place));
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order order = kStrongest,
                             Place place = Place::current()) {
    return value_.compare_exchange_weak(
        expected, value, order_of(kPart, Access::compare_exchange, order), info(place));
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order order = kStrongest,
                               Place place = Place::current()) {
    return value_.compare_exchange_strong(
        expected, value, order_of(kPart, Access::compare_exchange, order), info(place));
  }
  T fetch_add(T value, std::memory_order order = kStrongest, Place place = Place::current()) {
    return value_.fetch_add(value, order_of(kPart, Access::add, order), info(place));
  }
  T fetch_sub(T value, std::memory_order order = kStrongest, Place place = Place::current()) {
    return value_.fetch_sub(value, order_of(kPart, Access::subtract, order), info(place));
  }

 private:
  rl::atomic<T> value_;
};

/// Replaces `StdAtomics`. `kFlag` is the role of its `Atomic<bool>`.
template <Part kFlag = Part::parked>
struct CheckedAtomics {
  template <class T>
  using Atomic = CheckedAtomic<T, std::is_pointer_v<T>      ? Part::head
                                  : std::is_enum_v<T>       ? Part::state
                                  : std::is_same_v<T, bool> ? kFlag
                                                            : Part::count>;

  static void spin(unsigned /*round*/) { rl::yield(1, info(std::source_location::current())); }
};

/// A plain variable. Relacy reports a race if one thread writes it while another uses it.
template <class T>
class CheckedVar {
 public:
  CheckedVar(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): as the variable
  CheckedVar& operator=(T value) {
    value_($) = value;
    return *this;
  }
  operator T() const { return value_($); }  // NOLINT(google-explicit-constructor): the same

 private:
  rl::var<T> value_;
};

}  // namespace eddy::model
