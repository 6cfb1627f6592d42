// SPDX-License-Identifier: MIT

#include "eddy/sync/shared_waits.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/inbox.hpp"

#include <string>

namespace eddy::detail {
namespace {

[[noreturn]] void stop_destroyed(const char* what, const char* where) noexcept {
  fatal(std::string(what) + " was destroyed while a task of another thread " + where +
        "; it must outlive the tasks that use it: join them first");
}

}  // namespace

void SharedWait::take(SpinFlag<>& flag) noexcept {
  flag.lock();
  SharedLock::unlist_given(*this);
  flag.unlock();
}

void SharedWait::take_back() noexcept {
  worker_->inbox().remote_wakes().take_back(*this);
  sent_ = false;
}

bool SharedLock::end_elsewhere(SharedWait& wait, WaitState how) noexcept {
  RemoteWakes& wakes = wait.worker_->inbox().remote_wakes();
  const RemoteWakes::Added added = wakes.add_if(
      [&] {
        wait.sent_ = true;  // first: the task reads it once it sees the end
        if (!wait.state_.end(how)) {
          wait.sent_ = false;
          return false;
        }
        wait.unlink();
        return true;
      },
      wait);
  if (added == RemoteWakes::Added::and_posts) {
    wakes.next = owed_;
    owed_ = &wakes;
  }
  return added != RemoteWakes::Added::no;
}

bool SharedLock::give_first_of(SharedWaits& waits) noexcept {
  for (SharedWait* wait = waits.next(); wait != nullptr; wait = waits.next(wait)) {
    if (give(waits, *wait)) return true;
  }
  return false;
}

void SharedLock::end_all(SharedWaits& waits, WaitState how) noexcept {
  for (SharedWait* wait = waits.next(); wait != nullptr;) {
    SharedWait* const after = waits.next(wait);
    end(*wait, how);
    wait = after;
  }
}

void SharedWaits::refuse_all(SpinFlag<>& flag, const char* what) noexcept {
  for (unsigned round = 0;; ++round) {
    {
      SharedLock held(flag);
      for (SharedWait* wait = next(); wait != nullptr;) {
        SharedWait* const after = next(wait);
        if (wait->worker_ == Worker::current_if_any()) {
          held.end(*wait, WaitState::refused);
        } else if (wait->waits()) {
          stop_destroyed(what, "waits for it");
        }
        wait = after;
      }
      if (empty()) return;
    }
    StdAtomics::spin(round);  // until tasks of other threads that are leaving have left
  }
}

SharedWait* SharedWaits::next_given(const char* what) noexcept {
  if (!given_.linked()) return nullptr;
  SharedWait& wait = *static_cast<SharedWait::Given&>(*given_.next).wait;
  if (wait.worker_ != Worker::current_if_any()) stop_destroyed(what, "is about to use it");
  SharedLock::unlist_given(wait);
  return &wait;
}

std::unexpected<std::error_code> wait_failure(WaitState how) noexcept {
  switch (how) {
    case WaitState::closed:
      return failure(Error::closed);
    case WaitState::none:
      return failure(std::errc::resource_unavailable_try_again);
    default:
      return failure(std::errc::operation_canceled);
  }
}

}  // namespace eddy::detail
