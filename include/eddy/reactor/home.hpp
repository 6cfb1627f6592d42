// What the reactor floor knows of the worker of a thread.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/ready_queue.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/reactor/reactor.hpp"

#include <cstdint>

namespace eddy::detail {

/// The lower part of a `Worker`: its ready queue, its reactor, and who has borrowed that. A source
/// remembers the id of the home that it is registered with. No two homes have the same id.
///
/// **Thread**: its own.
class EDDY_EXPORT Home {
 public:
  /// Stops the program if the kernel refuses the reactor.
  Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  /// True if no living home has this id, and a home of this thread has ended: most likely that one.
  /// Its registrations are gone.
  static bool has_ended_here(std::uint32_t id) noexcept;

  ReadyQueue ready;  ///< the tasks that can run
  Reactor reactor;
  const std::uint32_t id;
  bool looping = false;    ///< its worker is in its loop
  bool exclusive = false;  ///< borrowed by `with_reactor_mut`
  int shared = 0;          ///< borrows by `with_reactor`

 protected:
  ~Home();

 private:
  Home* next_ = nullptr;  ///< in the list of all living homes
};

/// The current home of a thread. Trivial, so that objects that outlive the worker can still ask.
struct ThreadHome {
  Home* home = nullptr;
  Home* looping = nullptr;     ///< the home if its loop runs, else null: then no task may wait
  std::uint32_t id = 0;        ///< the home's id; 0 if there is none
  bool one_has_ended = false;  ///< some home of this thread has ended

  void switch_to(Home* next) noexcept {
    home = next;
    looping = next != nullptr && next->looping ? next : nullptr;
    id = next != nullptr ? next->id : 0;
  }
};
EDDY_EXPORT extern constinit thread_local ThreadHome thread_home;

/// Makes a worker, which becomes this thread's home. The worker floor defines this function.
Home& make_home();

}  // namespace eddy::detail
