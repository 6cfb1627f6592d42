// Polls the thread's reactor from inside a test.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/clock.hpp"
#include "eddy/reactor/home.hpp"
#include "eddy/reactor/reactor.hpp"

#include <chrono>
#include <stdexcept>

namespace eddy::test {

/// Polls the thread's reactor until it has woken a waiter, which has not run yet. Throws after a
/// minute: then nobody waits.
inline void poll_until_woken() {
  Events events = events_with_capacity(64);
  const Instant end = Clock::now() + std::chrono::minutes(1);
  with_reactor_mut([&](Reactor& reactor) {
    while (detail::thread_home.home->ready.empty()) {
      if (Clock::now() > end) throw std::runtime_error("nobody was woken in a minute");
      if (!reactor.poll(events, std::chrono::seconds(10))) return;
    }
  });
}

/// Polls the thread's reactor once, which wakes the waiters of what is ready.
inline Events poll_once(std::chrono::nanoseconds timeout = {}) {
  Events events = events_with_capacity(64);
  with_reactor_mut([&](Reactor& reactor) { static_cast<void>(reactor.poll(events, timeout)); });
  return events;
}

/// The number of sources that the thread's reactor watches.
inline std::size_t watched_sources() {
  return with_reactor_mut([](Reactor& reactor) { return reactor.wakers().size(); });
}

}  // namespace eddy::test
