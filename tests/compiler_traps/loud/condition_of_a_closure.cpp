// form: co_await condition.wait(std::move(lock), [guard](int) { ... })
// shows: refused right right right right
// expect: Name it first: auto holds = ...; co_await condition.wait(std::move(guard), holds)
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <utility>

using namespace eddy;

Task<> refused(traps::Trial& trial) {
  Mutex<int> mutex;
  Condition condition;
  auto lock = co_await mutex.lock();
  (void)co_await condition.wait(std::move(lock), [guard = trial.guard()](int) { return true; });
}

Task<> accepted(traps::Trial& trial) {
  Mutex<int> mutex;
  Condition condition;
  auto lock = co_await mutex.lock();
  auto holds = [guard = trial.guard()](int) { return true; };
  (void)co_await condition.wait(std::move(lock), holds);
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
