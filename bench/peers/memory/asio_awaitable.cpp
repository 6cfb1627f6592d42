// Memory of suspended coroutines of Asio, which all wait on one timer.
// SPDX-License-Identifier: MIT

#include "resident.h"

#include <asio.hpp>

namespace {

using Executor = asio::io_context::executor_type;
using Awaitable = asio::awaitable<void, Executor>;
using Clock = std::chrono::steady_clock;
using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

Awaitable suspended(Timer& timer) { co_await timer.async_wait(use_awaitable); }

}  // namespace

int main(int argc, char** argv) {
  const long count = parse_count(argc, argv);
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  Timer never(io, std::chrono::hours(1));
  asio::co_spawn(io, suspended(never), asio::detached);
  io.poll();
  const double before = resident_bytes();
  for (long i = 0; i < count; ++i) asio::co_spawn(io, suspended(never), asio::detached);
  io.poll();
  print_each(before, count);
}
