// Random steps of what tasks share, each compared with a model that has no coroutines. Tasks ask,
// get and give back, and are cancelled at every point: while they wait, yield for their budget, or
// got something and have not run.
// SPDX-License-Identifier: MIT
#include "eddy/compose/when_any.hpp"
#include "eddy/sync/barrier.hpp"
#include "eddy/sync/condition.hpp"
#include "eddy/sync/event.hpp"
#include "eddy/sync/latch.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/sync/notify.hpp"
#include "eddy/sync/once_cell.hpp"
#include "eddy/sync/rw_lock.hpp"
#include "eddy/sync/semaphore.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/random_steps.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy {
namespace {

using test::Actors;
using test::AtEnd;
using test::check;
using test::Dice;
using test::failed_with;
using test::is_late;
using test::kSettled;
using test::Limit;
using test::LimitedOp;
using test::run;
using test::use_up_budget;

constexpr int kSteps = 100'000;
constexpr std::size_t kActors = 6;

/// The task has the outcome of its wait only when it runs.
enum class State : std::uint8_t { idle, waits, served, refused };

/// The actors of a model. An actor waits once.
class Steps {
 public:
  Steps(const Steps&) = delete;
  Steps& operator=(const Steps&) = delete;

  std::size_t take_step() {
    const std::size_t i = dice.below(kActors);
    switch (dice.below(10)) {
      case 0:
      case 1:
      case 2:
        if (!actors_.busy(i)) start(i);
        return 0;
      case 3:
      case 4:
        act(i);
        return 0;
      case 5:
        actors_.abort(i);
        return 0;
      case 6:
        limits[i].wake(dice.once_in(2));
        return 0;
      case 7:
        return kSettled;
      default:
        return 1;
    }
  }
  virtual void compare() {}
  virtual void look() {
    for (std::size_t i = 0; i < kActors; ++i) {
      EXPECT_TRUE(states[i] == State::idle || states[i] == State::waits) << "actor " << i;
    }
  }
  virtual void end_a_side() {}
  void abort_all() { actors_.abort_all(); }
  virtual void end() { EXPECT_TRUE(actors_.all_ended()); }

 protected:
  explicit Steps(Dice& all) : dice(all) {}
  virtual ~Steps() = default;

  /// Waits once, if it can. Calls `begin` directly before.
  virtual Task<> wait(std::size_t i, bool limited) = 0;
  /// Does something to that for which the actors wait.
  virtual void act(std::size_t i) = 0;
  /// The wait of an actor is gone, whose outcome it has not taken.
  virtual void leave(std::size_t i) { waiting.erase(i); }

  /// Those that wait, oldest first.
  struct Queue {
    void erase(std::size_t i) { std::erase(actors, i); }
    std::deque<std::size_t> actors;
  } waiting;

  void begin(std::size_t i) {
    states[i] = State::waits;
    waiting.actors.push_back(i);
  }
  void serve(std::size_t i) {
    states[i] = State::served;
    waiting.erase(i);
  }
  void serve_all() {
    while (!waiting.actors.empty()) serve(waiting.actors.front());
  }
  /// The task runs, and has `result`.
  template <class R>
  void note_end(std::size_t i, const R& result) {
    if (is_late(result)) return;
    EXPECT_EQ(states[i], result ? State::served : State::refused);
    states[i] = State::idle;
  }

  Dice& dice;
  std::array<State, kActors> states{};
  std::array<Limit, kActors> limits;

 private:
  void start(std::size_t i) {
    const bool spent = dice.once_in(3);
    if (dice.once_in(4)) {
      actors_.start(i, [this, i, spent] { return wait_in_a_race(i, spent); });
    } else {
      actors_.start(i, [this, i, spent] { return wait_once(i, spent); });
    }
  }
  Task<> wait_once(std::size_t i, bool spent) {
    if (spent) co_await use_up_budget();
    const AtEnd leaves([&] {
      if (states[i] != State::idle) leave(i);
      states[i] = State::idle;
    });
    co_await wait(i, dice.once_in(2));
  }
  Task<> wait_in_a_race(std::size_t i, bool spent) {
    (void)co_await when_any(wait_once(i, spent), yield_now());
  }

  Actors<kActors> actors_;
};

/// What `op`, which gives a `Result`, gives.
template <class Op>
auto await_with(Limit* limit, Op op) -> Task<detail::AwaitResultOf<Op>> {
  if (limit != nullptr) co_return co_await LimitedOp(*limit, std::move(op));
  co_return co_await std::move(op);
}

// ---- locks ----

/// What `op`, which cannot fail, gives.
template <class Held, class Op>
Task<Result<Held>> lock_with(Limit* limit, Op op) {
  if (limit != nullptr) {
    auto got = co_await LimitedOp(*limit, std::move(op));
    if (!got) co_return failure(got.error());
    co_return Held(std::move(*got));
  }
  auto got = co_await std::move(op);
  co_return Held(std::move(got));
}

/// How many permits there are, and how many an actor asks for; and what it then holds.
struct MutexKind {
  static constexpr std::size_t kPermits = 1;
  using Lock = Mutex<int>;
  using Held = MutexGuard<int>;
  static std::size_t choose(Dice&) { return 1; }
  static Task<Result<Held>> take(Lock& lock, std::size_t, Limit* limit) {
    return lock_with<Held>(limit, lock.lock());
  }
  static std::optional<Held> try_take(Lock& lock, std::size_t) { return lock.try_lock(); }
};

struct SemaphoreKind {
  static constexpr std::size_t kPermits = 4;
  struct Lock {
    Semaphore semaphore{kPermits};
  };
  using Held = SemaphorePermit;
  static std::size_t choose(Dice& dice) { return 1 + dice.below(kPermits); }
  static Task<Result<Held>> take(Lock& lock, std::size_t count, Limit* limit) {
    return await_with(limit, lock.semaphore.acquire(count));
  }
  static std::optional<Held> try_take(Lock& lock, std::size_t count) {
    Result<Held> held = lock.semaphore.try_acquire(count);
    if (!held) return std::nullopt;
    return std::move(*held);
  }
};

struct RwLockKind {
  static constexpr std::size_t kPermits = 100;
  using Lock = RwLock<int>;
  using Held = std::variant<Lock::ReadGuard, Lock::WriteGuard>;
  static std::size_t choose(Dice& dice) { return dice.below(2) == 0 ? 1 : kPermits; }
  static Task<Result<Held>> take(Lock& lock, std::size_t count, Limit* limit) {
    if (count == 1) return lock_with<Held>(limit, lock.read());
    return lock_with<Held>(limit, lock.write());
  }
  static std::optional<Held> try_take(Lock& lock, std::size_t count) {
    if (count != 1) return lock.try_write();
    return lock.try_read();
  }
};

template <class Kind>
class LockSteps : public Steps {
 public:
  using Held = Kind::Held;

  explicit LockSteps(Dice& all) : Steps(all) {}

  void end_a_side() override {
    if constexpr (std::is_same_v<Kind, SemaphoreKind>) {
      lock.semaphore.close();
      closed_ = true;
      for (const std::size_t i : waiting.actors) states[i] = State::refused;
      waiting.actors.clear();
    }
  }
  void end() override {
    Steps::end();
    for (std::optional<Held>& each : held) each.reset();
  }

 protected:
  Task<> wait(std::size_t i, bool limited) override {
    if (held[i]) co_return;
    begin_lock(i);
    Result<Held> got = co_await Kind::take(lock, counts_[i], limited ? &limits[i] : nullptr);
    note_end(i, got);
    if (got) held[i].emplace(std::move(*got));
  }
  void act(std::size_t i) override {
    if (held[i]) {
      held[i].reset();
      free_ += counts_[i];
      grant();
    } else if (states[i] == State::idle) {
      counts_[i] = Kind::choose(dice);
      held[i] = Kind::try_take(lock, counts_[i]);
      EXPECT_EQ(held[i].has_value(), !closed_ && waiting.actors.empty() && counts_[i] <= free_);
      if (held[i]) free_ -= counts_[i];
    }
  }
  void leave(std::size_t i) override {
    Steps::leave(i);
    if (states[i] == State::served) free_ += counts_[i];
    grant();
  }
  void begin_lock(std::size_t i) {
    counts_[i] = Kind::choose(dice);
    begin(i);
    if (closed_) {
      states[i] = State::refused;
      waiting.erase(i);
    }
    grant();
  }
  void grant() {
    while (!waiting.actors.empty() && counts_[waiting.actors.front()] <= free_) {
      free_ -= counts_[waiting.actors.front()];
      serve(waiting.actors.front());
    }
  }
  void unlock() {
    ++free_;
    grant();
  }

  typename Kind::Lock lock;
  std::array<std::optional<Held>, kActors> held;

 private:
  std::size_t free_ = Kind::kPermits;
  bool closed_ = false;
  std::array<std::size_t, kActors> counts_{};
};

/// A mutex with a condition: an actor that holds the lock waits for the condition.
class ConditionSteps final : public LockSteps<MutexKind> {
 public:
  explicit ConditionSteps(Dice& all) : LockSteps(all) {}

  void look() override {
    Steps::look();
    for (const bool is_told : told_) EXPECT_FALSE(is_told);
  }

 private:
  Task<> wait(std::size_t i, bool limited) override {
    if (!held[i]) {
      co_await LockSteps::wait(i, limited);
      co_return;
    }
    MutexGuard<int> guard = std::move(*held[i]);
    held[i].reset();
    unnotified_.actors.push_back(i);
    states[i] = State::waits;
    limits[i].before_advance = [this, i] {
      if (std::exchange(told_[i], false)) begin_lock(i);
    };
    unlock();
    Result<MutexGuard<int>> again =
        co_await LimitedOp(limits[i], condition_.wait(std::move(guard)));
    note_end(i, again);
    if (!again) co_return;
    by_one_[i] = false;
    held[i].emplace(std::move(*again));
  }
  void act(std::size_t i) override {
    if (!dice.once_in(3)) {
      LockSteps::act(i);
    } else if (dice.once_in(3)) {
      condition_.notify_all();
      while (!unnotified_.actors.empty()) tell_first(false);
    } else {
      condition_.notify_one();
      tell_first(true);
    }
  }
  void leave(std::size_t i) override {
    unnotified_.erase(i);
    told_[i] = false;
    LockSteps::leave(i);
    if (std::exchange(by_one_[i], false)) tell_first(true);
  }
  void tell_first(bool alone) {
    if (unnotified_.actors.empty()) return;
    const std::size_t i = unnotified_.actors.front();
    unnotified_.actors.pop_front();
    told_[i] = true;
    by_one_[i] = alone;
  }

  Condition condition_;
  Queue unnotified_;
  std::array<bool, kActors> told_{};    ///< notified, and has not looked
  std::array<bool, kActors> by_one_{};  ///< notified alone, and has not taken the notification
};

// ---- what ends waits ----

class NotifySteps final : public Steps {
 public:
  explicit NotifySteps(Dice& all) : Steps(all) {}

 private:
  Task<> wait(std::size_t i, bool limited) override {
    begin(i);
    if (std::exchange(remembered_, false)) notify_model();
    const Result<> ended = co_await await_with(limited ? &limits[i] : nullptr, notify_.wait());
    note_end(i, ended);
    if (ended) by_one_[i] = false;
  }
  void act(std::size_t) override {
    if (dice.once_in(2)) {
      notify_.notify_one();
      notify_model();
    } else {
      notify_.notify_all();
      serve_all();
    }
  }
  void leave(std::size_t i) override {
    Steps::leave(i);
    if (std::exchange(by_one_[i], false)) notify_model();
  }
  void notify_model() {
    if (waiting.actors.empty()) {
      remembered_ = true;
    } else {
      by_one_[waiting.actors.front()] = true;
      serve(waiting.actors.front());
    }
  }

  Notify notify_;
  bool remembered_ = false;
  std::array<bool, kActors> by_one_{};  ///< its wait was ended for it alone
};

class EventSteps final : public Steps {
 public:
  explicit EventSteps(Dice& all) : Steps(all) {}

 private:
  Task<> wait(std::size_t i, bool limited) override {
    begin(i);
    if (event_.is_set()) serve_all();
    note_end(i, co_await await_with(limited ? &limits[i] : nullptr, event_.wait()));
  }
  void act(std::size_t) override {
    if (dice.once_in(2)) {
      event_.set();
      serve_all();
    } else {
      event_.reset();
    }
  }

  Event event_;
};

class LatchSteps final : public Steps {
 public:
  explicit LatchSteps(Dice& all) : Steps(all) {}

  void compare() override { EXPECT_EQ(latch_->done(), left_ == 0); }

 private:
  Task<> wait(std::size_t i, bool limited) override {
    begin(i);
    if (left_ == 0) serve_all();
    note_end(i, co_await await_with(limited ? &limits[i] : nullptr, latch_->wait()));
  }
  /// A latch that is zero may go while tasks have not run that waited for it.
  void act(std::size_t) override {
    if (left_ == 0) {
      left_ = dice.below(4);
      latch_.emplace(left_);
    } else {
      const std::size_t count = dice.below(left_ + 1);
      latch_->count_down(count);
      left_ -= count;
      if (left_ == 0) serve_all();
    }
  }

  std::size_t left_ = 2;
  std::optional<Latch> latch_{2};
};

class BarrierSteps final : public Steps {
 public:
  explicit BarrierSteps(Dice& all) : Steps(all) {}

 private:
  static constexpr std::size_t kCount = 3;

  Task<> wait(std::size_t i, bool limited) override {
    begin(i);
    const bool last = waiting.actors.size() == kCount;
    if (last) serve_all();
    const Result<Barrier::Arrival> arrival =
        co_await await_with(limited ? &limits[i] : nullptr, barrier_.arrive_and_wait());
    EXPECT_TRUE(!arrival || arrival->last == last);
    note_end(i, arrival);
  }
  void act(std::size_t) override {}

  Barrier barrier_{kCount};
};

/// One actor makes the value, or fails; the others wait.
class OnceCellSteps final : public Steps {
 public:
  explicit OnceCellSteps(Dice& all) : Steps(all) {}

  /// While others wait, the oldest of them makes the value.
  void look() override {
    Steps::look();
    EXPECT_EQ(maker_.has_value(), !waiting.actors.empty());
  }
  void compare() override { EXPECT_EQ(cell_->get() != nullptr, made_.has_value()); }

 private:
  Task<> wait(std::size_t i, bool) override {
    if (made_) {
      states[i] = State::served;
    } else {
      begin(i);
    }
    const auto make = [this, i] { return make_value(i); };
    try {
      const Result<int*> value = co_await cell_->get_or_init(make);
      if (value) {
        EXPECT_EQ(**value, made_.value_or(-1));
      } else {
        waiting.erase(i);
        states[i] = State::refused;
      }
      note_end(i, value);
    } catch (const std::runtime_error&) {  // of this actor's `make_value`: `leave` follows
      EXPECT_EQ(waiting.actors.front(), i);
    }
  }
  Task<Result<int>> make_value(std::size_t i) {
    EXPECT_EQ(waiting.actors.front(), i);
    EXPECT_FALSE(maker_.has_value() || made_.has_value());
    maker_ = i;
    const AtEnd ends([&] { maker_.reset(); });
    const Result<> goes_on = co_await LimitedOp(limits[i], go_on_.wait());
    if (!goes_on) co_return failure(std::errc::io_error);
    if (dice.once_in(4)) throw std::runtime_error("of make_value");
    made_ = static_cast<int>(dice.below(100));
    serve_all();
    co_return *made_;
  }
  void act(std::size_t i) override {
    if (maker_) {
      go_on_.set();
      go_on_.reset();
    } else if (made_ && std::ranges::count(states, State::idle) == kActors && i == 0) {
      made_.reset();
      cell_.emplace();
    }
  }

  std::optional<OnceCell<int>> cell_{std::in_place};
  std::optional<int> made_;
  std::optional<std::size_t> maker_;
  Event go_on_;
};

template <class T>
class Models : public testing::Test {};

using All = testing::Types<LockSteps<MutexKind>, LockSteps<SemaphoreKind>, LockSteps<RwLockKind>,
                           ConditionSteps, NotifySteps, EventSteps, LatchSteps, BarrierSteps,
                           OnceCellSteps>;
struct Names {
  template <class T>
  static std::string GetName(int i) {
    constexpr std::array kNames{"Mutex", "Semaphore", "RwLock",  "Condition", "Notify",
                                "Event", "Latch",     "Barrier", "OnceCell"};
    return kNames[static_cast<std::size_t>(i)];
  }
};
TYPED_TEST_SUITE(Models, All, Names);

TYPED_TEST(Models, AgreeInEveryStep) {
  run([] { return check<TypeParam>(kSteps, 500); });
}

}  // namespace
}  // namespace eddy
