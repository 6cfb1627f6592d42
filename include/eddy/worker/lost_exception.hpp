// What is said on standard error of what would be lost in silence.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/place.hpp"

#include <exception>
#include <source_location>
#include <system_error>

namespace eddy::detail {

class Worker;
struct TaskHeader;

/// An exception with which a task ended, and where that task was spawned.
struct CaughtException {
  std::exception_ptr exception;
  std::source_location spawned_at;
};

/// Says on standard error that a detached task threw. An exception that nobody will ever see would
/// be worse.
EDDY_EXPORT void report_lost_exception(TaskHeader& task) noexcept;
/// The same of a detached task that gave an error.
EDDY_EXPORT void report_lost_error(const std::error_code& error, const TaskHeader& task) noexcept;
/// The same of an exception that was kept for somebody who never asked for it. If it is one of a
/// branch, `parent` is the task that waits for that, or null.
EDDY_EXPORT void report_lost_exception(const CaughtException& lost,
                                       const Waiter* parent = nullptr) noexcept;

/// The same of an error that was kept for somebody who never asked for it.
EDDY_EXPORT void report_lost_error(const std::error_code& error,
                                   const std::source_location& spawned_at) noexcept;

/// Says that a task is destroyed that nobody has awaited; `place` is that of its coroutine, null if
/// the task was handed over. In debug builds alone. Nothing is said while an exception is under way
/// or a `QuietDestruction` lives: who is cancelled or fails may drop what it had not used yet.
EDDY_EXPORT void report_never_awaited(const void* place) noexcept;

/// While it lives tasks may be destroyed on this thread that nobody has awaited.
class QuietDestruction {
 public:
  QuietDestruction() noexcept {
    if constexpr (kDebugChecks) count(1);
  }
  QuietDestruction(const QuietDestruction&) = delete;
  QuietDestruction& operator=(const QuietDestruction&) = delete;
  ~QuietDestruction() {
    if constexpr (kDebugChecks) count(-1);
  }

 private:
  EDDY_EXPORT static void count(int step) noexcept;
};

/// Says which tasks of a thread that ends have never run.
void report_never_run(Worker& worker) noexcept;

/// A second join has found the value of a task taken.
EDDY_EXPORT [[noreturn]] void stop_value_taken() noexcept;
/// A join has found no task in its handle.
EDDY_EXPORT [[noreturn]] void stop_no_task() noexcept;

}  // namespace eddy::detail
