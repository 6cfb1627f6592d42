// SPDX-License-Identifier: MIT

#include "eddy/compose/pinned.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/worker.hpp"

#include "worker/around.hpp"

#include <utility>

namespace eddy::detail {
namespace {

[[noreturn]] void stop_on_another_thread() noexcept {
  fatal("a Pinned was used on another thread than that of the task in which it was made");
}

void check_thread(const Worker* home) noexcept {
  if (home != Worker::current_if_any()) stop_on_another_thread();
}

/// True if an abort of the task is under way, or of one whose branch it is.
bool is_aborted(const PromiseBase& task) noexcept {
  for (const PromiseBase* at = &task; at != nullptr; at = parent_of(*at)) {
    if (at->cancel_requested) return true;
  }
  return false;
}

}  // namespace

void PinnedBase::launch(PromiseBase& task) noexcept {
  Worker* const worker = static_cast<Worker*>(thread_home.looping);
  if (worker == nullptr || worker->running() == nullptr) {
    fatal(
        "a Pinned was made or set outside a task: it starts what it holds, so make it in a "
        "coroutine that runs");
  }
  task_ = &task;
  home_ = worker;
  worker->start(task, this);
}

void PinnedBase::end() noexcept {
  if (Wait* const wait = std::exchange(wait_, nullptr)) {
    check_thread(home_);
    wait->pinned_ = nullptr;
    home_->wake(*wait->waiter_);
  }
  ended_ = false;
  if (task_ == nullptr || home_->exited()) return;
  check_thread(home_);
  if (home_->is_on_stack(*task_)) {
    fatal(
        "a Pinned was destroyed, set or reset by the task that it holds: let the task return "
        "instead");
  }
  const Cancelling cancelling(*home_, CancelReason::dropped);
  home_->destroy(*std::exchange(task_, nullptr));
}

void PinnedBase::note_end() noexcept {
  task_ = nullptr;
  ended_ = true;
  // It runs next, as the parent of a branch does: the branch that ends first is the first.
  // But an abort of the task that waits runs first, so that the result stays for a later wait.
  if (wait_ == nullptr) return;
  if (is_aborted(PromiseBase::of(*wait_->waiter_))) {
    home_->wake(*wait_->waiter_);
  } else {
    home_->wake_next(*wait_->waiter_);
  }
}

void PinnedBase::throw_cancelled() {
  throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                          "what a Pinned held was cancelled");
}

void PinnedBase::add(Wait& wait, Waiter& waiter) noexcept {
  if (empty()) {
    fatal(
        "an empty Pinned was awaited, which would wait for ever: after its result was taken, start "
        "the next operation with set(...)");
  }
  if (home_ != thread_home.looping) {
    check_thread(home_);
    stop_task_of_another_copy();
  }
  if (wait_ != nullptr) {
    fatal("a Pinned was awaited by two at once: only one would get its result");
  }
  wait.waiter_ = &waiter;
  wait_ = &wait;
}

}  // namespace eddy::detail
