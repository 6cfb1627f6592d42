// form: (co_await f(t)).x in a template
// shows: rejected rejected rejected right right
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

using namespace eddy;

struct Point {
  int x;
};

template <class T>
Task<Point> make(T value) {
  co_await yield_now();
  co_return Point{value};
}

template <class T>
Task<int> run(T value) {
  co_return (co_await make(value)).x;
}

int main() { return block_on(run(3)) == 3 ? 0 : 1; }
