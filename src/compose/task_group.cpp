// SPDX-License-Identifier: MIT

#include "eddy/compose/task_group.hpp"

#include "eddy/worker/waker_cell.hpp"

#include <utility>

namespace eddy {

void TaskGroup::Member::on_end(detail::PromiseBase* ended) noexcept {
  if (ended != nullptr && ended->threw) {
    group->fail({std::move(ended->exception), ended->spawned_at()}, std::nullopt);
  } else if (ended != nullptr && gives_result) {
    const Result<> result = static_cast<detail::PromiseOf<Result<>>&>(*ended).stored.take();
    if (!result) group->fail({nullptr, ended->spawned_at()}, result.error());
  }
  if (ended == nullptr) detail::owner_of(*task) = group;  // for the destructors in its frames
  group->note_end(*this);
}

void TaskGroup::fail(detail::CaughtException&& caught,
                     std::optional<std::error_code> error) noexcept {
  if (failed()) {
    report_lost(caught, error);
    return;
  }
  exception_ = std::move(caught);
  error_ = error;
}

void TaskGroup::report_lost(const detail::CaughtException& lost,
                            const std::optional<std::error_code>& error) noexcept {
  if (error) {
    detail::report_lost_error(*error, lost.spawned_at);
  } else {
    detail::report_lost_exception(lost);
  }
}

void TaskGroup::cancel() noexcept {
  cancelled_ = true;
  // From the last to the first: each abort puts its task first on the ready queue. So the first
  // task ends first.
  for (detail::ListNode* node = members_.prev; node != &members_; node = node->prev) {
    detail::Worker::current().abort(*static_cast<Member&>(*node).task);
  }
}

template <class T>
void TaskGroup::adopt(Task<T>& task, std::source_location where) {
  if (cancelled_) {
    detail_give(task);
    return;
  }
  constexpr bool kGivesResult = !std::is_void_v<T>;
  // Before `task` gives up its frame, because this may throw.
  auto member = std::make_unique<Member>(*this, kGivesResult);
  detail::PromiseBase& header = detail_release(task).promise().make_root(where);
  header.branch = true;
  member->task = &header;
  members_.push_back(*member);
  ++size_;
  detail::Worker::current().spawn(header, member.release());
}

void TaskGroup::add(Task<> task, std::source_location where) { adopt(task, where); }
void TaskGroup::add(Task<Result<>> task, std::source_location where) { adopt(task, where); }

void TaskGroup::note_end(Member& member) noexcept {
  const std::unique_ptr<Member> gone(&member);
  member.unlink();
  --size_;
  detail::Worker& worker = detail::Worker::current();
  if (scope_ != nullptr && failed()) {
    worker.wake_next(*scope_);  // next: no other task of the group runs, or fails, before it
  } else if (scope_ != nullptr && size_ == 0) {
    worker.wake(*scope_);
  }
  if (size_ != 0) return;
  idle_.wake_all(worker.ready);
}

detail::PromiseBase* TaskGroup::give_up_member() noexcept {
  cancelled_ = true;
  if (!members_.linked()) return nullptr;
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDelete): each was unlinked before it was freed
  const std::unique_ptr<Member> member(&static_cast<Member&>(*members_.next));
  member->unlink();
  --size_;
  // The member is destroyed now, and destructors in the task's frames may ask for its owner.
  detail::owner_of(*member->task) = this;
  return member->task;
}

void TaskGroup::destroy_all() noexcept {
  while (detail::PromiseBase* const task = give_up_member()) {
    detail::Worker& worker = detail::Worker::current();
    const detail::Cancelling cancelling(worker, CancelReason::group);
    worker.destroy(*task);
  }
}

}  // namespace eddy
