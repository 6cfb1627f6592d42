// form: co_await when_any(Source{guard}, g()), where Source has an as_operation()
// shows: refused right right right right
// expect: Name it first: auto source = ...; co_await source
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

struct Source {
  test::Guard guard;

  static auto as_operation() { return yield_now(); }
};

Task<> refused(traps::Trial& trial) {
  const auto first = co_await when_any(Source{trial.guard()}, sleep_for(Duration::max()));
  trial.check(first.index() == 0);
}

Task<> accepted(traps::Trial& trial) {
  Source source{trial.guard()};
  const auto first = co_await when_any(source, sleep_for(Duration::max()));
  trial.check(first.index() == 0);
  co_await source;
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
