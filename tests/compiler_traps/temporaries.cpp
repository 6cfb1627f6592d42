// Temporaries that are made by aggregate initialisation inside a full expression that awaits.
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

namespace eddy::traps {
namespace {

using namespace std::chrono_literals;
using test::Guard;
using test::run;

struct Message {
  Guard guard;
  int value;

  Task<int> go() const {
    co_await yield_now();
    co_return value;
  }
};

Task<int> take(Message message) {
  co_await yield_now();
  co_return message.value;
}

template <class F>
Task<int> call(F function) {
  co_await yield_now();
  co_return function();
}

FORM(closure_argument, "co_await f([guard] { ... })", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await call([guard = trial.guard()] { return 3; });
    trial.check(value == 3);
  });
}

FORM(closure_argument_under_a_limit, "co_await timeout(1s, f([guard] { ... }))", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const auto value = co_await timeout(1h, call([guard = trial.guard()] { return 3; }));
    trial.check(value == 3);
  });
}

FORM(closure_called_at_once, "co_await [guard]() -> Task<> { ... }()", kWrongWithGcc12) {
  run([&]() -> Task<> {
    co_await [guard = trial.guard()]() -> Task<> { co_await yield_now(); }();
  });
}

FORM(aggregate_argument, "co_await f(Message{guard, 1})", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await take(Message{trial.guard(), 1});
    trial.check(value == 1);
  });
}

FORM(braces_as_argument, "co_await f({guard, 1})", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await take({trial.guard(), 1});
    trial.check(value == 1);
  });
}

FORM(designated_argument, "co_await f({.guard = guard, .value = 1})", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await take({.guard = trial.guard(), .value = 1});
    trial.check(value == 1);
  });
}

FORM(member_of_an_aggregate, "co_await Message{guard, 1}.go()", kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await Message{trial.guard(), 1}.go();
    trial.check(value == 1);
  });
}

FORM(aggregate_beside_an_await, "g(Message{guard, 1}, co_await f())", kWrongWithGcc12) {
  const auto add = [](const Message& message, int value) { return message.value + value; };
  run([&]() -> Task<> {
    auto two = []() -> Task<int> {
      co_await yield_now();
      co_return 2;
    };
    const int sum = add(Message{trial.guard(), 1}, co_await two());
    trial.check(sum == 3);
  });
}

test::Tally of_defaults;

Task<int> take_by_default(Message message = Message{Guard(of_defaults), 5}) {
  co_await yield_now();
  co_return message.value;
}

FORM(aggregate_as_default_argument, "Task<> f(Message m = {guard, 1}); co_await f()",
     kWrongWithGcc12) {
  run([&]() -> Task<> {
    const int value = co_await take_by_default();
    trial.check(value == 5);
  });
  trial.check(of_defaults.all_gone_once());
}

}  // namespace
}  // namespace eddy::traps
