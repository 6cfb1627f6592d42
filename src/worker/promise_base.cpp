// SPDX-License-Identifier: MIT

#include "eddy/worker/promise_base.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/worker.hpp"

#include <functional>

namespace eddy::detail {
namespace {

class Turn final : public Operation {
 public:
  bool advance(Waiter&) noexcept override { return true; }
  Waiting describe() const noexcept override { return {"its turn", kNoSource}; }
};

}  // namespace

void PromiseBase::check_misplaced() const noexcept {
  const auto* const self = reinterpret_cast<const char*>(this);
  const auto* const block = static_cast<const char*>(newest_frame.block);
  // Elsewhere: the newest frame is another one, made while an argument was copied.
  const bool elsewhere =
      std::less<>()(self, block) || !std::less<>()(self, block + newest_frame.size);
  if (elsewhere && may_start_frame(self - 2 * sizeof(void*))) return;
  fatal(
      "g++ 12 has misplaced the frame of a coroutine: a co_await stands in the condition of an if, "
      "a loop or a switch, and the coroutine has no variable before it. Put what is awaited into a "
      "variable first. A debugger's backtrace names the coroutine");
}

void PromiseBase::end_with_hook() noexcept {
  // A loop, because one error may end a long chain of coroutines that await each other with `ok`.
  PromiseBase* ended = this;
  while (ended->hook() != nullptr) {
    ended = ended->hook()->child_ended(*ended);
    if (ended == nullptr) return;
    ended->progress = Progress::finished;
    if (ended->outermost || !ended->parent()) return;
  }
  ended->member_of()->innermost() = ended->parent();
}

void PromiseBase::end_without_value() noexcept {
  if (!outermost && !parent()) {
    progress = Progress::without_value;  // first run: the awaiting coroutine stops the program
    return;
  }
  if (!outermost) task().innermost() = parent();  // for the place in the message
  stop_without_value();
}

void PromiseBase::stop_without_value() noexcept {
  fatal(
      "a coroutine that returns a value, an eddy::Task<T>, has ended without co_return: give every "
      "path through it a co_return (of a Task<Result<>>: co_return {})");
}

void PromiseBase::destroy_children(PromiseBase& innermost) noexcept {
  for (PromiseBase* inner = &innermost; inner != this;) {
    PromiseBase& outer = of(inner->parent());
    *inner->awaiter() = nullptr;
    inner->frame().destroy();
    inner = &outer;
  }
}

PromiseBase& PromiseBase::innermost_left() noexcept {
  PromiseBase* innermost = this;
  while (innermost->left_child) innermost = innermost->left_child_;
  return *innermost;
}

bool puts_off(PromiseBase& child) noexcept {
  if (!Worker::current().children_used_up(*child.member_of())) return false;
  child.progress = Progress::not_started;
  return true;
}

void suspend_before(PromiseBase& child) noexcept {
  PromiseBase& task = *child.member_of();
  if (child.progress == Progress::without_value) {
    task.innermost() = child.parent();  // for the place in the message
    PromiseBase::stop_without_value();
  }
  task.children = kChildren;
  child.progress = Progress::unfinished;
  child.awaiting = nullptr;
  yield_over_budget(task, the_turn(), child.frame());
}

void note_source_of_abandons() noexcept { thread_home.home->reactor.wakers().note_abandons(); }

Operation& the_turn() noexcept {
  static constinit Turn turn;
  return turn;
}

void yield_over_budget(PromiseBase& task, Operation& operation,
                       std::coroutine_handle<> frame) noexcept {
  task.operation() = &operation;
  task.innermost() = frame;
  task.state = Waiter::State::notified;
}

}  // namespace eddy::detail
