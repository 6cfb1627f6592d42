// form: a lambda that is a coroutine, in an extern "C" function
// shows: rejected right right right right
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

extern "C" int run() {
  return block_on([]() -> Task<int> {
    co_await yield_now();
    co_return 3;
  }());
}

int main() { return run() == 3 ? 0 : 1; }
