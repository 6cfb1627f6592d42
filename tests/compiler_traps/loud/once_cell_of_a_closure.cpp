// form: co_await cell.get_or_init([guard]() -> Task<int> { ... })
// shows: refused right right right right
// expect: Name it first: auto make = ...; co_await cell.get_or_init(make)
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

Task<> refused(traps::Trial& trial) {
  OnceCell<int> cell;
  (void)co_await cell.get_or_init([guard = trial.guard()]() -> Task<int> { co_return 1; });
}

Task<> accepted(traps::Trial& trial) {
  OnceCell<int> cell;
  auto make = [guard = trial.guard()]() -> Task<int> { co_return 1; };
  (void)co_await cell.get_or_init(make);
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
