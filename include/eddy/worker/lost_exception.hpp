// Reports on standard error of outcomes that nobody receives.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/worker/place.hpp"

#include <exception>
#include <source_location>
#include <string>
#include <system_error>

namespace eddy::detail {

class Waiter;
class Worker;
class PromiseBase;

/// An exception with which a task ended, and where that task was spawned.
struct CaughtException {
  std::exception_ptr exception;
  std::source_location spawned_at;
};

/// What the exception says; empty if it is no std::exception.
std::string what_of(const std::exception_ptr& exception);

/// Reports that a detached task threw.
EDDY_EXPORT void report_lost_exception(PromiseBase& task) noexcept;
/// Reports that a detached task gave an error.
EDDY_EXPORT void report_lost_error(const std::error_code& error, const PromiseBase& task) noexcept;
/// Reports an exception that was kept for somebody who never asked for it. If a branch threw it,
/// `parent` is the task that waits for the branch; it may be null.
EDDY_EXPORT void report_lost_exception(const CaughtException& lost,
                                       const Waiter* parent = nullptr) noexcept;

/// Reports an error that was kept for somebody who never asked for it.
EDDY_EXPORT void report_lost_error(const std::error_code& error,
                                   const std::source_location& spawned_at) noexcept;

/// Reports that a task is destroyed that was never awaited; only debug builds call it. `place` is
/// that of its coroutine, or null if the task was handed over. Reports nothing for null, while an
/// exception is thrown, or while a `QuietDestruction` lives: a coroutine that fails or is cancelled
/// may drop tasks.
EDDY_EXPORT void report_never_awaited(const void* place) noexcept;

/// While it lives, this thread may destroy tasks that were never awaited without a report.
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

/// Reports which tasks have never run, when their thread ends.
void report_never_run(Worker& worker) noexcept;

/// Stops the program: a second join has found that the value is taken.
EDDY_EXPORT [[noreturn]] void stop_value_taken() noexcept;
/// Stops the program: a join has found no task in its handle.
EDDY_EXPORT [[noreturn]] void stop_no_task() noexcept;

}  // namespace eddy::detail
