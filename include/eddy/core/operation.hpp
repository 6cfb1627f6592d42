// What a task waits for.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/waiter.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/raw_source.hpp"

namespace eddy::detail {

/// What a task waits for, in the words of a task dump.
struct Waiting {
  const char* what = "";
  RawSource source = kNoSource;
};

/// A leaf of a chain of coroutines: what a task does when it is not running code of its own.
///
/// The loop, never the reactor, calls `advance` after each wake. So a system call happens on
/// resume, not on wake, and a branch that is woken and cancelled in the same turn loses nothing.
class EDDY_EXPORT Operation {
 public:
  /// Tries once more. True: complete, the coroutine goes on. False: it has arranged for a wake.
  virtual bool advance(Waiter& waiter) noexcept = 0;

  virtual Waiting describe() const noexcept = 0;

  /// Called when the task that waits is cancelled. Gives up one branch, a task that this operation
  /// owns, for the caller to destroy first; null if none is left. So branches within branches are
  /// cancelled in a loop, however deep they are.
  virtual Waiter* give_up_branch() noexcept { return nullptr; }

 protected:
  Operation() noexcept = default;
  Operation(const Operation&) noexcept = default;
  Operation(Operation&&) noexcept = default;
  Operation& operator=(const Operation&) noexcept = default;
  Operation& operator=(Operation&&) noexcept = default;
  ~Operation() = default;
};

}  // namespace eddy::detail
