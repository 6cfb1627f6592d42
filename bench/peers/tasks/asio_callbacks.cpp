// Tasks and timers of Asio, with callbacks. A task is a posted function, and its join another.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <chrono>
#include <deque>
#include <iterator>

#include <asio.hpp>

namespace {

using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>,
                                         asio::io_context::executor_type>;

asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);

void spawn_and_join(long rounds, long) {
  struct Parent {
    long left;
    void operator()() const {
      if (left == 0) return;
      asio::post(io, [parent = Parent{left - 1}] { asio::post(io, parent); });
    }
  };
  begin();
  asio::post(io, Parent{rounds});
  io.run();
  end();
}

void yield(long rounds, long) {
  struct Yielder {
    long left;
    void operator()() const {
      if (left != 0) asio::post(io, Yielder{left - 1});
    }
  };
  begin();
  for (int i = 0; i < kYielders; ++i) asio::post(io, Yielder{rounds / kYielders});
  io.run();
  end();
}

void sleep_and_cancel(long rounds, long live) {
  std::deque<Timer> timers;
  for (long i = 0; i < live; ++i) {
    timers.emplace_back(io, std::chrono::milliseconds(due_ms(i)));
    timers.back().async_wait([](std::error_code) {});
  }
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  begin();
  for (long i = 0; i < rounds; ++i) {
    Timer timer(io, deadline);
    timer.async_wait([](std::error_code) {});
    timer.cancel();
    if (i % 64 == 0) io.poll();  // runs the handlers, which are told of it
  }
  io.poll();
  end();
}

constexpr operation kOperations[] = {
    {"spawn_and_join", spawn_and_join}, {"yield", yield}, {"sleep_and_cancel", sleep_and_cancel}};

}  // namespace

int main(int argc, char** argv) {
  const int code = run_operation(argc, argv, kOperations, std::size(kOperations));
  std::fflush(stdout);
  std::_Exit(code);  // not to measure how a million timers end
}
