// SPDX-License-Identifier: MIT

#include "eddy/compose/join_set.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/cancel_reason.hpp"
#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include <memory>
#include <utility>

namespace eddy::detail {

JoinSetBase::~JoinSetBase() {
  if (running_.linked() || !nexts_.empty()) {
    if (home_->exited()) return;
    if (home_ != Worker::current_if_any()) stop_on_another_thread();
    destroy_running();
    nexts_.end(home_->ready);
  }
  while (ended_.linked()) take_ended();
}

JoinKey JoinSetBase::launch(std::unique_ptr<Member> member, PromiseBase& task) noexcept {
  Worker& worker = Worker::current();
  enter(worker);
  member->key = JoinKey{++last_key_};
  member->task_ = &task;
  running_.push_back(*member);
  ++size_;
  worker.spawn(task, member.get());
  return member.release()->key;
}

void JoinSetBase::Member::note_end() noexcept {
  task_ = nullptr;
  unlink();
  set_->ended_.push_back(*this);
  set_->wake_next();
}

std::unique_ptr<JoinSetBase::Member> JoinSetBase::take_ended() noexcept {
  if (!ended_.linked()) return nullptr;
  std::unique_ptr<Member> first(&static_cast<Member&>(*ended_.next));
  first->unlink();
  --size_;
  return first;
}

void JoinSetBase::wake_waiting() noexcept {
  if (empty()) {
    nexts_.wake_all(home_->ready);
  } else if (ended_.linked()) {
    nexts_.wake_first(home_->ready);
  }
}

void JoinSetBase::abort(JoinKey key) noexcept {
  if (!running_.linked()) return;
  enter(Worker::current());
  for (ListNode* node = running_.next; node != &running_; node = node->next) {
    auto& member = static_cast<Member&>(*node);
    if (member.key == key) return home_->abort(*member.task_);
  }
}

void JoinSetBase::abort_all() noexcept {
  if (!running_.linked()) return;
  enter(Worker::current());
  // From the last to the first: each abort puts its task first on the ready queue.
  for (ListNode* node = running_.prev; node != &running_; node = node->prev) {
    home_->abort(*static_cast<Member&>(*node).task_);
  }
}

void JoinSetBase::destroy_running() noexcept {
  const Cancelling cancelling(*home_, CancelReason::dropped);
  while (running_.linked()) {
    const std::unique_ptr<Member> member(&static_cast<Member&>(*running_.next));
    member->unlink();
    --size_;
    PromiseBase& task = *member->task_;
    owner_of(task) = nullptr;
    if (!home_->is_on_stack(task)) {
      home_->destroy(task);
    } else if (!Worker::exits_in_task()) {
      fatal(
          "a JoinSet was destroyed by one of its own tasks, which would destroy its frame while it "
          "runs; let the set outlive its tasks, or call abort_all()");
    }
  }
}

void JoinSetBase::stop_on_another_thread() noexcept {
  fatal(
      "a JoinSet was used on another thread than its tasks'; send what is asked of it there, by "
      "a channel");
}

}  // namespace eddy::detail
