// form: co_await timeout(1s, spawn(f, Message{guard, 1}))
// shows: refused right right right right
// expect: Name the handle first: auto handle = spawn(...); co_await handle
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

struct Message {
  test::Guard guard;
  int value;
};

Task<int> take(Message message) {
  co_await yield_now();
  co_return message.value;
}

Task<> refused(traps::Trial& trial) {
  const auto taken = co_await timeout(Duration::max(), spawn(take, Message{trial.guard(), 1}));
  trial.check(taken->value() == 1);
}

Task<> accepted(traps::Trial& trial) {
  JoinHandle<int> handle = spawn(take, Message{trial.guard(), 2});
  trial.check((co_await handle).value() == 2);
  Message message{trial.guard(), 3};
  trial.check((co_await spawn(take, message)).value() == 3);
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
