#include "eddy/executor/lost_exception.hpp"

#include "eddy/executor/executor.hpp"
#include "eddy/executor/inbox.hpp"
#include "eddy/executor/promise.hpp"
#include "eddy/platform/fatal.hpp"

#include <new>
#include <string>

namespace eddy::detail {
namespace {

std::string place_text(const std::source_location& place) {
  if (place.line() == 0) return "at an unknown place";
  return std::string("at ") + place.file_name() + ':' + std::to_string(place.line());
}

/// ": what it says", if it says something.
std::string what_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return std::string(": ") + e.what();
  } catch (...) {
    return {};
  }
}

}  // namespace

std::source_location spawn_place(const TaskHeader& task, const Waiter* parent) noexcept {
  if (task.spawned_at.line() != 0 || !task.branch) return task.spawned_at;
  // A branch that ends in its first run: its task is the one that has started it.
  if (parent == nullptr) parent = Executor::current().starter();
  while (parent != nullptr) {
    const auto& above = static_cast<const TaskHeader&>(*parent);
    const TaskOwner* const owner = owner_of(above);
    if (above.spawned_at.line() != 0 || owner == nullptr) return above.spawned_at;
    parent = owner->branch_of();
  }
  return {};
}

void report_lost_exception(TaskHeader& task) noexcept {
  try {
    warn("a detached task, spawned " + place_text(task.spawned_at) + ", ended with an exception" +
         what_of(task.promise().exception));
  } catch (const std::bad_alloc&) {
    warn("a detached task ended with an exception");
  }
}

void report_lost_exception(const CaughtException& lost) noexcept {
  try {
    warn("nobody received an exception of the task spawned " + place_text(lost.spawned_at) +
         what_of(lost.exception));
  } catch (const std::bad_alloc&) {
    warn("nobody received an exception of a task");
  }
}

void stop_value_taken() noexcept {
  fatal("a JoinHandle was awaited again after its value was taken: await it once");
}

void stop_no_task() noexcept {
  fatal("a JoinHandle was awaited that has no task: it was moved from, or detached");
}

}  // namespace eddy::detail
