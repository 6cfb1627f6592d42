// What a thread knows of its reactor.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace eddy {

class Reactor;

namespace detail {

/// Trivial, so that what outlives the thread's reactor can still ask for it.
struct ThreadState {
  Reactor* reactor = nullptr;
  std::uint32_t id = 0;    ///< of the reactor, in the process; 0 if there is none
  int shared = 0;          ///< borrows by `with_reactor`
  bool exclusive = false;  ///< borrowed by `with_reactor_mut`
  bool worker = false;     ///< it has a worker, which uses the reactor
  bool looping = false;    ///< the worker runs its loop
  bool ended = false;      ///< the thread is ending, and its reactor is gone
};

extern constinit thread_local ThreadState thread_state;

}  // namespace detail
}  // namespace eddy
