// Running a program: the entry from ordinary code.
#pragma once

#include "eddy/executor/outcome.hpp"

#include <source_location>
#include <utility>

namespace eddy {

namespace detail {

template <class T>
class RootOwner final : public TaskOwner {
 public:
  void on_end(PromiseBase* ended) noexcept override {
    outcome.take_from(ended);
    done = true;
  }

  Outcome<T> outcome;
  bool done = false;
};

}  // namespace detail

/// Runs `task`, and all that it spawns, on this thread until `task` has ended; gives its value, or
/// throws its exception. Then cancels what is left of the spawned tasks, in no set order; their
/// destructors run here. Then waits for the shielded ones, and cancels what they have left. Calling
/// it inside a task stops the program.
template <class T>
[[nodiscard("what the task gives may be an error: look at it, or write (void)block_on")]] T
block_on(Task<T> task, std::source_location where = std::source_location::current()) {
  detail::RootOwner<T> owner;
  detail::Executor& executor = detail::Executor::current();
  executor.spawn(detail_release(task).promise().make_root(where), &owner);
  executor.run_until(owner.done);
  return owner.outcome.take();
}

/// Before each sleep of this thread's loop, looks for events for `length` without sleeping: less
/// latency for a whole core. Zero, which is the default, sleeps at once.
inline void busy_poll(Duration length) { detail::Executor::current().set_busy_poll(length); }

}  // namespace eddy
