// SPDX-License-Identifier: MIT

#include "eddy/task/join_handle.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/waker_cell.hpp"

#include <system_error>

namespace eddy {

void JoinError::rethrow() const {
  if (exception_ != nullptr) std::rethrow_exception(exception_);
  throw std::system_error(std::make_error_code(std::errc::operation_canceled),
                          "the joined task was cancelled");
}

namespace detail {

void JoinHandleBase::abort() noexcept {
  if (task_ == nullptr) return;
  check_thread();
  home_->abort(*task_);
}

AbortHandle JoinHandleBase::abort_handle() const {
  if (task_ == nullptr) return AbortHandle(nullptr);
  check_thread();
  return AbortHandle(cell_of(*task_));
}

void JoinHandleBase::let_go(TaskOwner* heir) noexcept {
  if (task_ != nullptr) {
    check_thread();
    owner_of(*std::exchange(task_, nullptr)) = heir;
  }
  while (joins_.linked()) {
    auto& join = static_cast<Join&>(*joins_.next);
    join.unlink();
    join.handle_ = nullptr;
    home_->wake(*join.waiter_);
  }
}

void JoinHandleBase::take(JoinHandleBase& other) noexcept {
  if (other.joins_.linked()) stop_moved();
  task_ = std::exchange(other.task_, nullptr);
  home_ = other.home_;
  if (task_ != nullptr) owner_of(*task_) = this;
}

void JoinHandleBase::stop_moved() noexcept {
  fatal("a JoinHandle was moved while a task awaits it; move it before, or share it");
}

void JoinHandleBase::stop_on_another_thread() noexcept {
  fatal(
      "a JoinHandle was used on another thread than its task's; "
      "send an abort_handle() there instead");
}

void JoinHandleBase::stop_elsewhere() const noexcept {
  if (home_ == Worker::current_if_any()) stop_task_of_another_copy();
  stop_on_another_thread();
}

}  // namespace detail
}  // namespace eddy
