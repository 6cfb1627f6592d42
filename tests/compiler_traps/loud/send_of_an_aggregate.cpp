// form: co_await sender.send(Message{guard, 1})
// shows: refused right right right right
// expect: Give its type a constructor
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <utility>

using namespace eddy;

struct Message {
  test::Guard guard;
  int number;
};

struct Built {
  Built(test::Guard its_guard, int its_number) noexcept
      : guard(std::move(its_guard)), number(its_number) {}

  test::Guard guard;
  int number;
};

Task<> refused(traps::Trial& trial) {
  auto [sender, receiver] = channel<Message>(1);
  trial.check((co_await sender.send(Message{trial.guard(), 1})).has_value());
  trial.check((co_await receiver.receive()).value().number == 1);
}

Task<> accepted(traps::Trial& trial) {
  auto [sender, receiver] = channel<Built>(1);
  trial.check((co_await sender.send(Built(trial.guard(), 1))).has_value());
  trial.check((co_await receiver.receive()).value().number == 1);
  auto [to, from] = channel<Message>(1);
  Message message{trial.guard(), 2};
  auto permit = co_await to.reserve();
  trial.check(permit.has_value());
  permit->send(std::move(message));
  trial.check((co_await from.receive()).value().number == 2);
}

int main() {
  traps::Trial trial;
  block_on(refused(trial));
  block_on(accepted(trial));
  return trial.right() ? 0 : 1;
}
