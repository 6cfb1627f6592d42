// Objects that are initialised from the result of an await.
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <array>
#include <memory>
#include <string>
#include <utility>

namespace eddy::traps {
namespace {

using test::Guard;
using test::run;

struct Pair {
  Guard guard;
  int value;
};

/// An error with something to destroy.
struct Error {
  explicit Error(Guard owned) : guard(std::move(owned)) {}
  Guard guard;
};

Task<Guard> make(Trial& trial) {
  co_await yield_now();
  co_return trial.guard();
}

Task<bool> truth(bool value) {
  co_await yield_now();
  co_return value;
}

FORM(aggregate_of_an_await, "Pair pair{co_await f(), 4}", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const Pair pair{co_await make(trial), 4};
    trial.check(pair.value == 4);
  });
}

FORM(designated_await, "Pair pair{.guard = co_await f()}", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const Pair pair{.guard = co_await make(trial), .value = 4};
    trial.check(pair.value == 4);
  });
}

FORM(array_of_awaits, "Guard guards[] = {co_await f(), co_await f()}", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const Guard guards[] = {co_await make(trial), co_await make(trial)};
    trial.check(std::size(guards) == 2);
  });
}

FORM(std_array_of_awaits, "std::array<Guard, 2> guards{co_await f(), co_await f()}",
     kWrongWithGcc12) {
  run([&]() -> Task<> {
    const std::array<Guard, 2> guards{co_await make(trial), co_await make(trial)};
    trial.check(guards.size() == 2);
  });
}

FORM(capture_of_an_await, "auto closure = [guard = co_await f()] { ... }", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const auto closure = [guard = co_await make(trial)] { return 3; };
    trial.check(closure() == 3);
  });
}

Task<Pair> pair_of_an_await(Trial& trial) { co_return {co_await make(trial), 4}; }

FORM(returned_braces, "co_return {co_await f(), 4}", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const Pair pair = co_await pair_of_an_await(trial);
    trial.check(pair.value == 4);
  });
}

FORM(thrown_await, "throw Error(co_await f())", kWrongWithGcc12) {
  run([&]() -> Task<> {
    try {
      throw Error(co_await make(trial));
    } catch (const Error&) {
    }
  });
}

FORM(new_of_an_await, "new T(co_await f())", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const std::unique_ptr<Guard> guard(new Guard(co_await make(trial)));
    trial.check(guard != nullptr);
  });
}

FORM(await_or_temporary, "c ? co_await f() : Guard()", kWrongWithGcc12) {
  run([&]() -> Task<> {
    for (const bool waits : {true, false}) {
      const Guard guard = waits ? co_await make(trial) : trial.guard();
    }
  });
}

FORM(variable_or_await, "c ? variable : co_await f()", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const Guard variable = trial.guard();
    for (const bool waits : {true, false}) {
      const Guard guard = waits ? co_await make(trial) : variable;
    }
  });
}

FORM(awaited_condition_of_temporaries, "co_await b() ? Guard(1) : Guard(2)", kWrongWithGcc12) {
  run([&]() -> Task<> {
    for (const bool first : {true, false}) {
      const Guard guard = co_await truth(first) ? trial.guard() : trial.guard();
    }
  });
}

/// A type that structured bindings take apart by get<>.
struct Parts {
  Guard first;
  Guard second;

  template <std::size_t I>
  Guard get() && {
    if constexpr (I == 0) {
      return std::move(first);
    } else {
      return std::move(second);
    }
  }
};

Task<Parts> make_parts(Trial& trial) {
  co_await yield_now();
  Parts parts{trial.guard(), trial.guard()};
  co_return parts;
}

}  // namespace
}  // namespace eddy::traps

template <>
struct std::tuple_size<eddy::traps::Parts> : std::integral_constant<std::size_t, 2> {};
template <std::size_t I>
struct std::tuple_element<I, eddy::traps::Parts> {
  using type = eddy::test::Guard;
};

namespace eddy::traps {
namespace {

FORM(binding_by_value, "auto [a, b] = co_await f(), by get<>", kRight) {
  run([&]() -> Task<> {
    auto [first, second] = co_await make_parts(trial);
    co_await yield_now();
  });
}

}  // namespace
}  // namespace eddy::traps
