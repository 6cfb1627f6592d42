// How late timers of Asio are, with callbacks.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <chrono>
#include <deque>

#include <asio.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using Timer =
    asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, asio::io_context::executor_type>;

Clock::time_point at(std::int64_t ns) { return Clock::time_point(std::chrono::nanoseconds(ns)); }

}  // namespace

int main(int argc, char** argv) {
  prepare(argc, argv);
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  std::deque<Timer> timers;
  for (long i = 0; i < timer_count; ++i) {
    timers.emplace_back(io, at(due_ns(i))).async_wait([i](std::error_code) { note(i); });
  }
  timers.emplace_back(io, at(first_due - 1'000'000)).async_wait([](std::error_code) { begin(); });
  io.run();
}
