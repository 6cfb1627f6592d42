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
  /// Takes one more step. True: complete, the coroutine goes on. False: it has arranged for a wake.
  virtual bool advance(Waiter& waiter) noexcept = 0;

  virtual Waiting describe() const noexcept = 0;

  /// For who cancels the task that waits: gives up one branch, a task that this operation owns, to
  /// be destroyed first. Null if there is none left. So a chain of branches within branches is
  /// cancelled in a loop, however long it is.
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
