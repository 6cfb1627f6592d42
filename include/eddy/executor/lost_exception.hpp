// What becomes of an exception that nobody receives.
#pragma once

#include <exception>
#include <source_location>

namespace eddy::detail {

class Waiter;
struct TaskHeader;

/// An exception with which a task ended, and where that task was spawned.
struct CaughtException {
  std::exception_ptr exception;
  std::source_location spawned_at;
};

/// Where `task` was spawned. A branch was not: for it, where the task was spawned that awaits it,
/// which `parent` says once that task waits.
std::source_location spawn_place(const TaskHeader& task, const Waiter* parent) noexcept;

/// Says on standard error that a detached task threw. An exception that nobody will ever see would
/// be worse.
void report_lost_exception(TaskHeader& task) noexcept;
/// The same of an exception that was kept for somebody who never asked for it.
void report_lost_exception(const CaughtException& lost) noexcept;

/// A second join has found the value of a task taken.
[[noreturn]] void stop_value_taken() noexcept;
/// A join has found no task in its handle.
[[noreturn]] void stop_no_task() noexcept;

}  // namespace eddy::detail
