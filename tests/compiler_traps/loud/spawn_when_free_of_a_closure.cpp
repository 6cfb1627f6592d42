// form: co_await group.spawn_when_free([guard]() -> Task<> { ... })
// shows: refused right right right right
// expect: Name it first: auto f = ...; co_await group.spawn_when_free(f)
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

Task<> refused(traps::Trial& trial, TaskGroup& group) {
  co_await group.spawn_when_free([guard = trial.guard()]() -> Task<> { co_await yield_now(); });
}

Task<> accepted(traps::Trial& trial, TaskGroup& group) {
  auto f = [guard = trial.guard()]() -> Task<> { co_await yield_now(); };
  co_await group.spawn_when_free(f);
  auto with = [](test::Guard) -> Task<> { co_return; };
  co_await group.spawn_when_free(with, trial.guard());
}

int main() {
  traps::Trial trial;
  block_on(with_group([&](TaskGroup& group) -> Task<> {
    co_await refused(trial, group);
    co_await accepted(trial, group);
  }));
  return trial.right() ? 0 : 1;
}
