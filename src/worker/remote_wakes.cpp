// SPDX-License-Identifier: MIT

#include "eddy/worker/remote_wakes.hpp"

#include "eddy/worker/inbox.hpp"
#include "eddy/worker/worker.hpp"

namespace eddy::detail {

RemoteWakes::Added RemoteWakes::begin_post() noexcept {
  if (!once_.begin_post()) return Added::yes;
  inbox_->retain();
  return Added::and_posts;
}

void RemoteWakes::post_all(RemoteWakes* first) noexcept {
  while (first != nullptr) {
    auto* const next = static_cast<RemoteWakes*>(first->next);
    Inbox& inbox = *first->inbox_;
    // Refused only if the thread has ended; then its tasks have taken their wakes back.
    (void)inbox.post(*first);
    inbox.release();
    first = next;
  }
}

void RemoteWakes::deliver(Worker& worker) noexcept {
  once_.end_post();
  ListNode arrived;
  flag_.lock();
  arrived.splice_back(wakes_);
  flag_.unlock();
  while (arrived.linked()) {
    auto& wake = static_cast<RemoteWake&>(*arrived.next);
    wake.unlink();
    worker.wake(*wake.task);
  }
}

}  // namespace eddy::detail
