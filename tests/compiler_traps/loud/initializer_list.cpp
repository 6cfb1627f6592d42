// form: co_await f({guard, guard}), where f takes a std::initializer_list
// shows: rejected crash right right right
// SPDX-License-Identifier: MIT
#include <initializer_list>

#include "compiler_traps/traps.hpp"

using namespace eddy;

Task<std::size_t> count(std::initializer_list<test::Guard> values) { co_return values.size(); }

Task<> run(traps::Trial& trial) {
  trial.check(co_await count({trial.guard(), trial.guard()}) == 2);
}

int main() {
  traps::Trial trial;
  block_on(run(trial));
  return trial.right() ? 0 : 1;
}
