// The operations that are measured, once for Google Benchmark and once for counting instructions:
// each does its operation once for each element of `rounds`.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

namespace operations {

/// Tasks that yield in turn in one round of `yield`.
inline constexpr std::size_t kYielders = 1000;

// Not inlined, so that no compiler removes the frame.
[[gnu::noinline]] inline eddy::Task<> nothing() { co_return; }
[[gnu::noinline]] inline eddy::Task<> forever() { co_await eddy::suspend(); }
[[gnu::noinline]] inline eddy::Task<> yield_until(const bool* done) {
  while (!*done) co_await eddy::yield_now();
}

/// Spawns an empty task and joins it.
template <class Rounds>
eddy::Task<> spawn_and_join(Rounds& rounds) {
  for ([[maybe_unused]] auto round : rounds) {
    auto handle = eddy::spawn(nothing);
    static_cast<void>(co_await handle);
  }
}

/// `kYielders` tasks yield in turn: `kYielders` yields a round.
template <class Rounds>
eddy::Task<> yield(Rounds& rounds) {
  bool done = false;
  std::vector<eddy::JoinHandle<void>> others;
  for (std::size_t i = 1; i < kYielders; ++i) others.push_back(eddy::spawn(yield_until, &done));
  for ([[maybe_unused]] auto round : rounds) co_await eddy::yield_now();
  done = true;
  for (auto& other : others) static_cast<void>(co_await other);
}

/// Awaits a child that ends at once.
template <class Rounds>
eddy::Task<> child(Rounds& rounds) {
  for ([[maybe_unused]] auto round : rounds) co_await nothing();
}

/// Awaits when_any of two tasks: the first waits, and is destroyed, the second is ready.
template <class Rounds>
eddy::Task<> when_any(Rounds& rounds) {
  for ([[maybe_unused]] auto round : rounds) {
    static_cast<void>(co_await eddy::when_any(forever(), nothing()));
  }
}

/// Locks a mutex that is free, and unlocks it.
template <class Rounds>
eddy::Task<> mutex(Rounds& rounds) {
  eddy::Mutex<int> mutex;
  for ([[maybe_unused]] auto round : rounds) {
    auto guard = co_await mutex.lock();
    ++*guard;
  }
}

/// Takes a permit that is free, and gives it back.
template <class Rounds>
eddy::Task<> semaphore(Rounds& rounds) {
  eddy::Semaphore semaphore(2);
  for ([[maybe_unused]] auto round : rounds) static_cast<void>(co_await semaphore.acquire());
}

/// Sends a value into a channel that has room, and receives it.
template <class Rounds>
eddy::Task<> channel(Rounds& rounds) {
  auto [sender, receiver] = eddy::channel<int>(16);
  for ([[maybe_unused]] auto round : rounds) {
    static_cast<void>(co_await sender.send(1));
    static_cast<void>(co_await receiver.receive());
  }
}

/// The same, without a wait.
template <class Rounds>
eddy::Task<> channel_try(Rounds& rounds) {
  auto [sender, receiver] = eddy::channel<int>(16);
  for ([[maybe_unused]] auto round : rounds) {
    static_cast<void>(sender.try_send(1));
    static_cast<void>(receiver.try_receive());
  }
  co_return;
}

/// Values that pass between two tasks in `channel_between_tasks`, in a round.
inline constexpr std::size_t kPassed = 1000;

[[gnu::noinline]] inline eddy::Task<> send_values(eddy::Sender<int> sender, std::size_t values) {
  for (; values != 0; --values) static_cast<void>(co_await sender.send(1));
}

/// A task sends `kPassed` values a round to another, by a channel of one room: each waits for the
/// other.
template <class Rounds>
eddy::Task<> channel_between_tasks(Rounds& rounds) {
  std::size_t values = 0;
  for ([[maybe_unused]] auto round : rounds) values += kPassed;
  auto [sender, receiver] = eddy::channel<int>(1);
  auto sending = eddy::spawn(send_values, std::move(sender), values);
  while (co_await receiver.receive()) {
  }
  static_cast<void>(co_await sending);
}

/// Makes a channel for one value, sends it and receives it.
template <class Rounds>
eddy::Task<> oneshot(Rounds& rounds) {
  for ([[maybe_unused]] auto round : rounds) {
    auto [sender, receiver] = eddy::oneshot<int>();
    static_cast<void>(sender.send(1));
    static_cast<void>(co_await receiver.receive());
  }
}

/// Sends a value to 100 receivers, each of which receives it.
template <class Rounds>
eddy::Task<> broadcast(Rounds& rounds) {
  auto [sender, first] = eddy::broadcast<int>(16);
  std::vector<eddy::BroadcastReceiver<int>> receivers(100, first);
  for ([[maybe_unused]] auto round : rounds) {
    static_cast<void>(sender.send(1));
    for (auto& receiver : receivers) static_cast<void>(co_await receiver.receive());
  }
}

/// Tasks that share a mutex in `contended_mutex`.
inline constexpr std::size_t kLockers = 100;

[[gnu::noinline]] inline eddy::Task<> lock_and_yield(eddy::Mutex<std::size_t>* left) {
  for (;;) {
    auto guard = co_await left->lock();
    if (*guard == 0) co_return;
    --*guard;
    co_await eddy::yield_now();
  }
}

/// `kLockers` tasks lock, yield and unlock, until they have done that `kLockers` times a round.
template <class Rounds>
eddy::Task<> contended_mutex(Rounds& rounds) {
  std::size_t locks = 0;
  for ([[maybe_unused]] auto round : rounds) locks += kLockers;
  eddy::Mutex<std::size_t> left(locks);
  std::vector<eddy::JoinHandle<void>> tasks;
  for (std::size_t i = 0; i < kLockers; ++i) tasks.push_back(eddy::spawn(lock_and_yield, &left));
  for (auto& task : tasks) static_cast<void>(co_await task);
}

/// A sleep that a waiter waits on.
struct LiveSleep {
  explicit LiveSleep(eddy::Instant deadline) : sleep(eddy::sleep_until(deadline)) {
    sleep.begin_wait(waiter);
  }

  eddy::detail::Waiter waiter;
  eddy::detail::SleepOp sleep;
};

/// Sleeps that fall due over the hour after the next, and so stay in the wheel.
class LiveSleeps {
 public:
  explicit LiveSleeps(std::size_t count) {
    // Counts only the wait, without a task and the loop that a task would need.
    eddy::detail::thread_home.looping = &eddy::detail::Worker::current();
    const eddy::Instant start = eddy::Clock::now() + std::chrono::hours(1);
    for (std::size_t i = 0; i < count; ++i) {
      // Not in order: a multiple of the golden ratio, modulo an hour.
      const std::uint64_t offset = i * 2654435769U % 3600'000'000U;
      sleeps_.emplace_back(start + std::chrono::microseconds(offset));
    }
  }
  LiveSleeps(const LiveSleeps&) = delete;
  LiveSleeps& operator=(const LiveSleeps&) = delete;
  ~LiveSleeps() { eddy::detail::thread_home.looping = nullptr; }

 private:
  std::deque<LiveSleep> sleeps_;
};

/// Waits on a sleep and destroys it, as a `when_any` that another branch wins does.
template <class Rounds>
void sleep_and_cancel(Rounds& rounds) {
  eddy::detail::Waiter waiter;
  for ([[maybe_unused]] auto round : rounds) {
    eddy::detail::SleepOp sleep = eddy::sleep_for(std::chrono::minutes(1));
    if (!sleep.try_start()) sleep.begin_wait(waiter);
  }
}

/// As above, but until an instant, so that the sleep enters the wheel at once.
template <class Rounds>
void sleep_until_and_cancel(Rounds& rounds) {
  eddy::detail::Waiter waiter;
  const eddy::Instant deadline = eddy::Clock::now() + std::chrono::minutes(1);
  for ([[maybe_unused]] auto round : rounds) {
    eddy::detail::SleepOp sleep = eddy::sleep_until(deadline);
    sleep.begin_wait(waiter);
  }
}

}  // namespace operations
