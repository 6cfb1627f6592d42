// SPDX-License-Identifier: MIT

#include "eddy/compose/task_group.hpp"

#include "eddy/worker/lost_exception.hpp"
#include "eddy/worker/waker_cell.hpp"

#include <cstddef>
#include <memory>
#include <utility>

namespace eddy {

std::string GroupError::message() const {
  if (!exception) return error.message();
  const std::string text = detail::what_of(exception);
  return text.empty() ? "an exception that is no std::exception" : text;
}

void TaskGroup::Member::on_end(detail::PromiseBase* ended) noexcept {
  if (ended != nullptr && ended->threw) {
    group->fail({std::move(ended->exception), {}, ended->spawned_at()});
  } else if (ended != nullptr && gives_result) {
    const Result<> result = static_cast<detail::PromiseOf<Result<>>&>(*ended).stored.take();
    if (!result) group->fail({nullptr, result.error(), ended->spawned_at()});
  }
  if (ended == nullptr) detail::owner_of(*task) = group;  // for the destructors in its frames
  group->note_end(*this);
}

namespace {

void report_lost(const GroupError& lost) noexcept {
  if (lost.exception) {
    detail::report_lost_exception({lost.exception, lost.spawned_at});
  } else {
    detail::report_lost_error(lost.error, lost.spawned_at);
  }
}

}  // namespace

TaskGroup::~TaskGroup() {
  destroy_all();
  if (!idle_.empty()) idle_.end(detail::Worker::current().ready);
  if (!for_room_.empty()) for_room_.end(detail::Worker::current().ready);
  if (failure_) report_lost(*failure_);
  for (const GroupError& error : failures_) report_lost(error);
}

void TaskGroup::fail(GroupError&& error) noexcept {
  if (collects_) {
    EDDY_ASSERT(failures_.size() < failures_.capacity());
    failures_.push_back(std::move(error));
  } else if (!failure_) {
    failure_ = std::move(error);
  } else {
    report_lost(error);
  }
}

void TaskGroup::cancel() noexcept {
  cancelled_ = true;
  // From the last to the first: each abort puts its task first on the ready queue. So the first
  // task ends first.
  for (detail::ListNode* node = members_.prev; node != &members_; node = node->prev) {
    detail::Worker::current().abort(*static_cast<Member&>(*node).task);
  }
  wake_for_room();
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
  const std::size_t may_fail = failures_.size() + size_ + 1;
  if (collects_ && failures_.capacity() < may_fail) failures_.reserve(2 * may_fail);
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
  wake_for_room();
  if (size_ == 0) idle_.wake_all(worker.ready);
}

void TaskGroup::wake_for_room() noexcept {
  if (!for_room_.empty() && has_room()) for_room_.wake_first(detail::Worker::current().ready);
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
