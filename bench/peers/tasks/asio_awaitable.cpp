// Tasks of Asio, with coroutines, and its channels.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <chrono>
#include <exception>
#include <iterator>
#include <utility>

#include <asio.hpp>
#include <asio/experimental/channel.hpp>

namespace {

using Executor = asio::io_context::executor_type;
using Awaitable = asio::awaitable<void, Executor>;
constexpr asio::use_awaitable_t<Executor> use_awaitable;

asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);

// Not inlined, so that no compiler leaves the frame out.
[[gnu::noinline]] Awaitable nothing() { co_return; }

void run(Awaitable task) {
  begin();
  asio::co_spawn(io, std::move(task), asio::detached);
  io.run();
  end();
}

Awaitable spawn_all(long rounds) {
  for (long i = 0; i < rounds; ++i) co_await asio::co_spawn(io, nothing(), use_awaitable);
}

// The last of a batch to end wakes the one that waits for all: Asio has no handle to join by.
Awaitable spawn_batches(long rounds, long batch) {
  long left = 0;
  asio::basic_waitable_timer<std::chrono::steady_clock,
                             asio::wait_traits<std::chrono::steady_clock>, Executor>
      all_ended(io, std::chrono::steady_clock::time_point::max());
  for (; rounds > 0; rounds -= batch) {
    left = batch;
    for (long i = 0; i < batch; ++i) {
      asio::co_spawn(io, nothing(), [&](std::exception_ptr) {
        if (--left == 0) all_ended.cancel();
      });
    }
    std::error_code cancelled;
    co_await all_ended.async_wait(asio::redirect_error(use_awaitable, cancelled));
  }
}

Awaitable await_all(long rounds) {
  for (long i = 0; i < rounds; ++i) co_await nothing();
}

Awaitable yield_all(long rounds) {
  for (long i = 0; i < rounds; ++i) co_await asio::post(io, use_awaitable);
}

void yield(long rounds, long) {
  begin();
  for (int i = 0; i < kYielders; ++i) {
    asio::co_spawn(io, yield_all(rounds / kYielders), asio::detached);
  }
  io.run();
  end();
}

using Channel = asio::experimental::channel<Executor, void(std::error_code, int)>;

Awaitable send_and_receive(long rounds) {
  Channel channel(io, 16);
  for (long i = 0; i < rounds; ++i) {
    co_await channel.async_send(std::error_code(), 1, use_awaitable);
    co_await channel.async_receive(use_awaitable);
  }
}

Awaitable send_all(Channel& channel, long values) {
  for (long i = 0; i < values; ++i) {
    co_await channel.async_send(std::error_code(), 1, use_awaitable);
  }
}

Awaitable receive_all(Channel& channel, long values) {
  for (long i = 0; i < values; ++i) co_await channel.async_receive(use_awaitable);
}

void channel_between_tasks(long rounds, long) {
  Channel channel(io, 1);
  begin();
  asio::co_spawn(io, send_all(channel, rounds), asio::detached);
  asio::co_spawn(io, receive_all(channel, rounds), asio::detached);
  io.run();
  end();
}

Awaitable oneshots(long rounds) {
  for (long i = 0; i < rounds; ++i) {
    Channel channel(io, 1);
    channel.try_send(std::error_code(), 1);
    co_await channel.async_receive(use_awaitable);
  }
}

constexpr operation kOperations[] = {
    {"spawn_and_join", [](long rounds, long) { run(spawn_all(rounds)); }},
    {"spawn_batch", [](long rounds, long batch) { run(spawn_batches(rounds, batch)); }},
    {"yield", yield},
    {"child", [](long rounds, long) { run(await_all(rounds)); }},
    {"channel", [](long rounds, long) { run(send_and_receive(rounds)); }},
    {"channel_between_tasks", channel_between_tasks},
    {"oneshot", [](long rounds, long) { run(oneshots(rounds)); }}};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(argc, argv, kOperations, std::size(kOperations));
}
