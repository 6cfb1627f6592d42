// form: co_await with_group([guard](TaskGroup&) -> Task<> { ... })
// shows: refused right right right right
// expect: Name it first: auto body = ...; co_await with_group(body)
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

Task<> refused(traps::Trial& trial) {
  co_await with_group([guard = trial.guard()](TaskGroup&) -> Task<> { co_await yield_now(); });
}

Task<> accepted(traps::Trial& trial) {
  auto body = [guard = trial.guard()](TaskGroup&) -> Task<> { co_await yield_now(); };
  co_await with_group(body);
  co_await with_group(std::ref(body));
  co_await with_group([&trial](TaskGroup& group) -> Task<> {
    group.spawn([guard = trial.guard()]() -> Task<> { co_await yield_now(); });
    co_return;
  });
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
