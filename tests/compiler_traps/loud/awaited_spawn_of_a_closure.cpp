// form: co_await spawn([guard]() -> Task<> { ... })
// shows: refused right right right right
// expect: Name the handle first: auto handle = spawn(...); co_await handle
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

Task<> refused(traps::Trial& trial) {
  (void)co_await spawn([guard = trial.guard()]() -> Task<> { co_await yield_now(); });
}

Task<> accepted(traps::Trial& trial) {
  auto handle = spawn([guard = trial.guard()]() -> Task<> { co_await yield_now(); });
  trial.check((co_await handle).has_value());
  JoinHandle<void> typed = spawn([guard = trial.guard()]() -> Task<> { co_await yield_now(); });
  trial.check((co_await timeout(Duration::max(), typed)).has_value());
  const auto run = [](const test::Guard&) -> Task<> { co_await yield_now(); };
  trial.check((co_await spawn(run, trial.guard())).has_value());
  spawn([guard = trial.guard()]() -> Task<> { co_await yield_now(); }).detach();
  co_await yield_now();
  co_await yield_now();
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
