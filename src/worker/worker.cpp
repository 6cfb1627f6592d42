// SPDX-License-Identifier: MIT

#include "eddy/worker/worker.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/blocking_guard.hpp"
#include "eddy/worker/inbox.hpp"
#include "eddy/worker/lost_exception.hpp"
#include "eddy/worker/place.hpp"
#include "eddy/worker/waker_cell.hpp"

#include "worker/around.hpp"

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <utility>

namespace eddy::detail {
namespace {

/// How many tasks run between two looks at the reactor, unless the last poll reported more events;
/// and the time that these tasks should take at most.
constexpr unsigned kTasksPerTurn = 61;
constexpr Duration kTurnLength = std::chrono::milliseconds(1);
/// The most tasks that a turn may run, however quick they are.
constexpr unsigned kMostTasksPerTurn = 256;

/// How long children may run until the clock is read again, and the most of them that may run.
constexpr Duration kChildrenLength = std::chrono::microseconds(100);
constexpr Duration::rep kMostChildren = 64;
/// The most grants of more children in a turn, in case the clock stands still.
constexpr unsigned kMostChildGrants = 256;

/// A task of any thread has called `exit`.
constinit std::atomic<bool> process_exits = false;

/// Ends the worker when its thread ends. But a worker that still runs its loop is left: a task has
/// called `exit`, and the task's frame is on the stack, so it must not be destroyed.
struct WorkerEnd {
  WorkerEnd() = default;
  WorkerEnd(const WorkerEnd&) = delete;
  WorkerEnd& operator=(const WorkerEnd&) = delete;
  ~WorkerEnd() {
    Worker* const worker = Worker::current_if_any();
    if (worker == nullptr) return;
    if (worker->looping) {
      worker->note_exit();
    } else {
      delete worker;
    }
  }
};

/// Runs `task` until it waits or ends. True: it has ended.
inline bool ends(PromiseBase& task) noexcept {
  if (task.operation() != nullptr && !task.operation()->advance(task)) return false;
  // Each round resumes the innermost coroutine. When a coroutine ends, its parent is next.
  while (task.progress == Progress::unfinished) {
    task.operation() = nullptr;
    task.innermost().resume();
    if (task.operation() != nullptr) return false;
  }
  return true;
}

[[noreturn, maybe_unused]] void stop_guarded_wait() noexcept {
  fatal(
      "a task waits while it holds an eddy::BlockingGuard or the lock of an eddy::BlockingMutex: "
      "another task that locks the same mutex would block the thread for ever. Unlock it before "
      "the co_await");
}

/// As `ends`. In debug builds, a task that waits with more guards than it began with stops the
/// program.
inline bool ends_unguarded(PromiseBase& task) noexcept {
  if constexpr (kDebugChecks) {
    const int guards = blocking_guards_held();
    const bool has_ended = ends(task);
    if (!has_ended && blocking_guards_held() > guards) stop_guarded_wait();
    return has_ended;
  } else {
    return ends(task);
  }
}

/// The timeout to give to a kernel that may prolong a wait, so that the wait ends after `timeout`.
/// The wait may end too early; then the loop waits again. Short timeouts are not changed: that
/// would only make more waits.
Duration less_slack(Duration timeout, const WaitSlack& slack) noexcept {
  if (timeout <= 10 * slack.least) return timeout;
  if (slack.share == 0) return timeout - slack.least;
  // The result plus its share-th is the timeout.
  return timeout -
         std::max(slack.least, std::min<Duration>(timeout / (slack.share + 1), slack.most));
}

PlatformReactor::Notifier make_notifier(const Reactor& reactor) {
  Result<PlatformReactor::Notifier> notifier = reactor.create_notifier();
  if (!notifier) {
    fatal("cannot make the notifier of this thread's run loop: " + notifier.error().message());
  }
  return std::move(*notifier);
}

}  // namespace

constinit thread_local int blocking_guards = 0;

void Worker::note_exit() noexcept {
  exit_in_loop_ = true;
  process_exits = true;
}

bool Worker::exits_in_task() noexcept { return process_exits; }

Worker& Worker::stop_outside_loop() noexcept { stop_task_of_another_copy(); }

Worker& Worker::make_current() {
  auto* const made = new Worker;
  thread_home.switch_to(made);
  // If the thread has destroyed this already, a worker that is made later, in a destructor or by
  // atexit, is never destroyed.
  thread_local const WorkerEnd end;
  return *made;
}

Home& make_home() { return Worker::make_current(); }

void abandon_wait(Waiter& waiter) noexcept {
  PromiseBase& task = PromiseBase::of(waiter);
  if (!task.abandons || task.operation() == nullptr) return;
  task.abandons = false;  // whatever ends the task later must not do it again
  task.operation()->abandon();
}

Worker* Worker::switch_to(Worker* next) noexcept {
  Worker* const before = current_if_any();
  thread_home.switch_to(next);
  return before;
}

Worker::Worker()
    : inbox_(new Inbox(make_notifier(reactor))),
      wheel_(ready, Clock::now()),
      now_(Clock::now()),
      fitting_(kMostTasksPerTurn) {
  set_place_writer(write_place_of_running_task);
}

Worker::~Worker() {
  Worker* const before = switch_to(this);  // destructors of tasks use the current worker
  report_never_run(*this);
  for_each_task([](PromiseBase& task) { task.shielded = false; });
  shielded_ = 0;
  no_shielded_ = true;
  cancel_all(CancelReason::end_of_thread);
  inbox_->close();
  inbox_->release();
  switch_to(before != this ? before : nullptr);
}

bool Worker::children_used_up(PromiseBase& task) noexcept {
  const Instant now = Clock::now();
  const Duration took = now - std::max(now_, std::exchange(children_seen_, now));
  if (now - now_ >= kTurnLength / 2 || ++child_grants_ > kMostChildGrants) {
    end_turn();  // the reactor and the timers are next
    return true;
  }
  task.children = static_cast<std::uint8_t>(std::clamp<Duration::rep>(
      kChildren * kChildrenLength / std::max(took, Duration(1)), 1, kMostChildren));
  return false;
}

void Worker::abort(PromiseBase& task) noexcept {
  task.cancel_requested = true;
  // It runs next. Otherwise a ready branch of it could run first, and take data that would be lost.
  ready.wake_next(task);
}

void Worker::run_until(const bool& done) {
  if (exit_in_loop_) {
    fatal(
        "block_on was called after a task had called exit: the loop of that task is still on the "
        "stack. Let the first task of block_on return instead, and return from main");
  }
  if (looping) {
    fatal("block_on was called inside a task, which would stop its own run loop; use co_await");
  }
  looping = true;
  thread_home.looping = this;
  done_ = &done;
  slack_ = sys::wait_slack();
  now_ = Clock::now();
  while (!done) turn();
  cancel_all(CancelReason::end_of_block_on);
  done_ = &no_shielded_;
  while (!no_shielded_) {
    turn();
    // What they have spawned. Destructors may shield new tasks.
    if (no_shielded_) cancel_all(CancelReason::end_of_block_on);
  }
  looping = false;
  thread_home.looping = nullptr;
}

void Worker::turn() {
  child_grants_ = 0;
  turn_length_ = std::min(fitting_, std::max(kTasksPerTurn, std::exchange(reported_, 0)));
  left_ = turn_length_;
  do {
    Waiter* waiter = ready.pop();
    if (waiter == nullptr) break;
    PromiseBase& task = PromiseBase::of(*waiter);
    if (task.cancel_requested) {
      cancel(task);
    } else {
      run(task, kBudget);
    }
  } while (--left_ != 0);
  running_ = nullptr;
  if (*done_ || live_ == 0) return;  // with no task left, nothing would end a park
  look();
}

/// Runs `task` until it waits or ends. Returns what is left of the budget.
inline std::uint8_t Worker::run(PromiseBase& task, std::uint8_t budget) noexcept {
  task.state = Waiter::State::running;
  task.budget = budget;
  running_ = &task;
  const bool ended = ends_unguarded(task);
  const std::uint8_t left = task.budget;
  if (ended) {
    finish(task);
  } else {
    suspend(task);
  }
  return left;
}

/// Makes the task idle; or puts it last on the ready queue if it was woken meanwhile.
inline void Worker::suspend(PromiseBase& task) noexcept {
  if (task.state != Waiter::State::notified) {
    task.state = Waiter::State::idle;
    task.since() = now_;
    if (!task.linked()) waiting_.push_back(task);
    return;
  }
  if (task.cancel_requested) {
    cancel(task);
    return;
  }
  if (task.linked()) task.unlink();  // from the list in which it was about to wait
  ready.push(task);
  task.since() = now_;
  // A task without budget may have moved megabytes. Sixty such tasks in a turn would delay all
  // others for too long.
  if (task.budget == 0) end_turn();
}

bool Worker::is_for_shielded(const PromiseBase& task) const noexcept {
  for (const PromiseBase* at = &task; at != nullptr; at = parent_of(*at)) {
    if (at->shielded || at->of_shielded) return true;
  }
  return false;
}

bool Worker::is_on_stack(const PromiseBase& task) const noexcept {
  const auto is_of_task = [&](const PromiseBase* at) {
    while (at != nullptr && at != &task) at = parent_of(*at);
    return at == &task;
  };
  if (is_of_task(running_)) return true;
  for (const Starter* it = starters_; it != nullptr; it = it->before) {
    if (is_of_task(it->task)) return true;
  }
  for (const Doomed* it = doomed_; it != nullptr; it = it->before) {
    if (is_of_task(it->task)) return true;
  }
  return false;
}

void Worker::note_shielded(PromiseBase& spawned) const noexcept {
  spawned.of_shielded = running_ != nullptr ? is_for_shielded(*running_) : ends_for_shielded_;
}

void Worker::start_branch(PromiseBase& branch) noexcept {
  ++live_;
  const Starter outer{running_, starters_};
  starters_ = &outer;
  outer.task->budget = run(branch, outer.task->budget);
  starters_ = outer.before;
  running_ = outer.task;
}

/// A part of `release` for few tasks. By itself, so that the others save no registers for it.
void Worker::release_extras(PromiseBase& task) noexcept {
  if (task.has_cell) {
    TaskOwner* const owner = task.cell()->owner;
    end_cell(*task.cell());
    task.has_cell = false;
    task.own_owner() = owner;  // destructors in the frames may need it
  }
  if (task.shielded) no_shielded_ = --shielded_ == 0;
}

/// Frees a task that is done, and in no list.
template <class Free>
inline void Worker::release(PromiseBase& task, Free free_frames) noexcept {
  --live_;
  if (task.has_cell || task.shielded) release_extras(task);
  const QuietDestruction quiet;  // the task may hold tasks that it has not awaited yet
  free_frames(task);
  // The turn ends with the last task, or with the task that the loop runs for. Both end only here.
  if (live_ == 0 || *done_) end_turn();
}

void Worker::finish(PromiseBase& task) noexcept {
  if (!no_shielded_) [[unlikely]] {
    ends_for_shielded_ = is_for_shielded(task);  // first, because it needs the owner
  }
  running_ = nullptr;
  task.state = Waiter::State::done;
  if (TaskOwner* owner = std::exchange(owner_of(task), nullptr)) {
    owner->on_end(&task);
  } else if (task.threw) {
    report_lost_exception(task);
  }
  release(task, [](PromiseBase& outermost) { outermost.destroy_ended(); });
}

void Worker::cancel(PromiseBase& task) noexcept {
  // Of the tasks that are cancelled here, only those of groups are branches.
  const Cancelling cancelling(*this, task.branch ? CancelReason::group : CancelReason::abort);
  if (!no_shielded_) [[unlikely]] {
    ends_for_shielded_ = is_for_shielded(task);
  }
  running_ = nullptr;  // this task may have run last
  // Before `destroy`: the owner may be in the frame, or a destructor in it may destroy the owner.
  if (TaskOwner* owner = std::exchange(owner_of(task), nullptr)) owner->on_end(nullptr);
  destroy(task);
}

/// Destroys a task that is not running and has no live branches.
inline void Worker::destroy_alone(PromiseBase& task) noexcept {
  if (task.watches()) task.unwatch();
  release(task, [&](PromiseBase& outermost) {
    const Doomed doomed{&task, doomed_};
    doomed_ = &doomed;
    outermost.destroy_from(PromiseBase::of(task.innermost()));
    doomed_ = doomed.before;
  });
}

/// From here on a wake does nothing.
inline void Worker::end_wakes(PromiseBase& task) noexcept {
  task.state = Waiter::State::done;
  task.unlink();
}

void Worker::destroy(PromiseBase& task) noexcept {
  end_wakes(task);
  if (task.abandons) {
    destroy_with_branches(task);
  } else {
    destroy_alone(task);
  }
}

/// In a loop, because branches may be nested to any depth.
void Worker::destroy_with_branches(PromiseBase& task) noexcept {
  ListNode owners;  // a stack: each task stands before the task whose branch it is
  for (PromiseBase* doomed = &task;;) {
    Operation* const waits_on = doomed->abandons ? doomed->operation() : nullptr;
    if (Waiter* const branch = waits_on != nullptr ? waits_on->give_up_branch() : nullptr) {
      owners.push_front(*doomed);
      doomed = &PromiseBase::of(*branch);
      end_wakes(*doomed);
      continue;
    }
    if (waits_on != nullptr) waits_on->abandon();
    destroy_alone(*doomed);
    if (!owners.linked()) return;
    doomed = &PromiseBase::of(*owners.next);
    doomed->unlink();
  }
}

/// Cancels all tasks except shielded ones and, while any is shielded, those that they have spawned.
/// Branches are cancelled with their tasks.
void Worker::cancel_all(CancelReason why) noexcept {
  const Cancelling cancelling(*this, why);
  for (;;) {
    ListNode doomed;
    for_each_task([&](PromiseBase& task) {
      if (task.shielded || task.branch || (task.of_shielded && !no_shielded_)) return;
      task.unlink();
      doomed.push_back(task);
      task.state = Waiter::State::scheduled;  // so that a wake leaves it in `doomed`
    });
    if (!doomed.linked()) return;
    while (doomed.linked()) cancel(PromiseBase::of(*doomed.next));
    // Destructors may have spawned more tasks.
  }
}

void Worker::look() {
  if (!inbox_->empty()) inbox_->deliver_all(*this);
  if (ready.empty()) {
    // A long turn that emptied the queue counts too: the next poll may report as many events.
    if (turn_length_ - left_ >= kTasksPerTurn) {
      const Instant now = Clock::now();
      adapt_turn(now);
      now_ = now;
    }
    park();
    return;
  }
  if (reactor.wakers().size() != 0) poll(Duration::zero());
  const Instant now = Clock::now();
  adapt_turn(now);
  now_ = now;
  wheel_.advance(now_);
}

/// Sleeps until an event, a wake by another thread, or the next deadline.
void Worker::park() {
  if (busy_poll_ > Duration::zero() && poll_busily()) return;
  if (reactor.rebuild_count() != rebuilds_seen_) follow_rebuild();
  if (reactor.has_many_orphans()) {
    reactor.drop_orphans(inbox_->notifier());
    if (!ready.empty()) return;  // the waiters of sources that were found lost
  }
  std::optional<Duration> timeout;
  if (!wheel_.empty()) {
    now_ = Clock::now();
    wheel_.settle(now_);
    if (!ready.empty()) return;
    if (const std::optional<Instant> deadline = wheel_.next_deadline()) {
      timeout = less_slack(std::max(*deadline - now_, Duration::zero()), slack_);
    }
  }
  if (inbox_->begin_park()) {
    poll(timeout);
    inbox_->end_park();
  }
  if (!inbox_->empty()) inbox_->deliver_all(*this);
  now_ = Clock::now();
  wheel_.advance(now_);
}

/// Replaces the notifier, after a fork: the old one is shared with the parent, and would wake it.
void Worker::follow_rebuild() {
  rebuilds_seen_ = reactor.rebuild_count();
  inbox_->replace_notifier(make_notifier(reactor));
  slack_ = sys::wait_slack();
}

/// Polls without sleeping for the length that the user chose. True if a task can run.
bool Worker::poll_busily() {
  const Instant end = saturating_add(Clock::now(), busy_poll_);
  do {
    poll(Duration::zero());
    if (!inbox_->empty()) inbox_->deliver_all(*this);
    now_ = Clock::now();
    wheel_.advance(now_);
    if (!ready.empty()) return true;
  } while (now_ < end);
  return false;
}

void Worker::poll(std::optional<Duration> timeout) {
  const Result<std::size_t> polled =
      with_reactor_mut([&](Reactor& borrowed) { return borrowed.poll(timeout); });
  if (!polled) fatal("the reactor cannot wait for events: " + polled.error().message());
  reported_ = static_cast<unsigned>(*polled);
}

/// Adapts the number of tasks in a turn to the time that they took. So the clock is read only once
/// a turn.
void Worker::adapt_turn(Instant now) noexcept {
  const Duration took = now - now_;
  if (took > kTurnLength) {
    fitting_ = std::max(static_cast<unsigned>(turn_length_ * kTurnLength / took), 1U);
  } else {
    fitting_ = std::min(fitting_ * 2, kMostTasksPerTurn);
  }
}

}  // namespace eddy::detail
