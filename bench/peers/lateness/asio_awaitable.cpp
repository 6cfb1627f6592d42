// How late sleeps of Asio's coroutines are.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <chrono>

#include <asio.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Awaitable = asio::awaitable<void, Executor>;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);

Awaitable sleep_until(std::int64_t ns) {
  Timer timer(io, Clock::time_point(std::chrono::nanoseconds(ns)));
  co_await timer.async_wait(use_awaitable);
}

Awaitable sleeper(long i) {
  co_await sleep_until(due_ns(i));
  note(i);
}

Awaitable starter() {
  co_await sleep_until(first_due - 1'000'000);
  begin();
}

}  // namespace

int main(int argc, char** argv) {
  prepare(argc, argv);
  for (long i = 0; i < timer_count; ++i) asio::co_spawn(io, sleeper(i), asio::detached);
  asio::co_spawn(io, starter(), asio::detached);
  io.run();
}
