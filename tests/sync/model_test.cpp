// Random steps, each compared with a model that has no coroutines: tasks ask, get, give back, and
// are cancelled at every point, also between the moment that they get something and their next run.
// SPDX-License-Identifier: MIT
#include "eddy/sync/barrier.hpp"
#include "eddy/sync/event.hpp"
#include "eddy/sync/mutex.hpp"
#include "eddy/sync/notify.hpp"
#include "eddy/sync/rw_lock.hpp"
#include "eddy/sync/semaphore.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace eddy {
namespace {

using test::run;

constexpr int kSteps = 100'000;
constexpr std::size_t kActors = 6;

/// The same numbers on every machine.
class Dice {
 public:
  std::size_t below(std::size_t limit) { return static_cast<std::size_t>(engine_()) % limit; }

 private:
  std::mt19937 engine_{12};
};

/// Lets every task run that can. More than once round the queue: a task whose child is put off, for
/// the time that children have taken, goes to its end first.
Task<> settle() {
  for (int i = 0; i < 4; ++i) co_await yield_now();
}

/// How far an actor is, in the model.
enum class Stage { idle, waits, has };

/// A task that asks once.
struct Actor {
  std::optional<JoinHandle<>> task;
  Stage stage = Stage::idle;
  bool got = false;  ///< told by the task itself

  bool asks() const { return task.has_value(); }
  /// Call `abort` first, before any await: the task may run during an await.
  void abort() { task->abort(); }
  Task<> end() {
    (void)co_await *task;
    task.reset();
    stage = Stage::idle;
    got = false;
  }
};

// ---- locks ----

/// How many permits there are, and how many an actor asks for; and what it then holds.
struct MutexKind {
  static constexpr std::size_t kPermits = 1;
  using Lock = Mutex<int>;
  using Held = MutexGuard<int>;
  static std::size_t choose(Dice&) { return 1; }
  static Task<Held> take(Lock& lock, std::size_t) { co_return co_await lock.lock(); }
};

struct SemaphoreKind {
  static constexpr std::size_t kPermits = 4;
  struct Lock {
    Semaphore semaphore{kPermits};
  };
  using Held = SemaphorePermit;
  static std::size_t choose(Dice& dice) { return 1 + dice.below(kPermits); }
  static Task<Held> take(Lock& lock, std::size_t count) {
    co_return (co_await lock.semaphore.acquire(count)).value();
  }
};

struct RwLockKind {
  static constexpr std::size_t kPermits = 100;
  using Lock = RwLock<int>;
  using Held = std::variant<Lock::ReadGuard, Lock::WriteGuard>;
  static std::size_t choose(Dice& dice) { return dice.below(2) == 0 ? 1 : kPermits; }
  static Task<Held> take(Lock& lock, std::size_t count) {
    if (count == 1) co_return Held(co_await lock.read());
    co_return Held(co_await lock.write());
  }
};

template <class Kind>
class LockModel {
 public:
  Task<> check() {
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) co_await take_step();
    for (std::size_t i = 0; i < kActors; ++i) {
      if (actors_[i].asks()) co_await cancel(i);
      give_back(i);
    }
  }

 private:
  Task<> take_step() {
    const std::size_t i = dice_.below(kActors);
    switch (dice_.below(4)) {
      case 0:
        if (!actors_[i].asks() && !held_[i]) co_await ask(i);
        break;
      case 1:
        give_back(i);
        break;
      case 2:
        if (actors_[i].asks()) co_await cancel(i);
        break;
      default:
        co_await settle();
        look();
    }
  }

  Task<> ask(std::size_t i) {
    counts_[i] = Kind::choose(dice_);
    actors_[i].task = spawn([this, i]() -> Task<> {
      held_[i].emplace(co_await Kind::take(lock_, counts_[i]));
      actors_[i].got = true;
    });
    co_await settle();
    actors_[i].stage = Stage::waits;
    queue_.push_back(i);
    grant();
    look();
  }
  /// Those who get it now have not run yet when this returns.
  void give_back(std::size_t i) {
    if (!held_[i]) return;
    held_[i].reset();
    free_ += counts_[i];
    actors_[i].stage = Stage::idle;
    actors_[i].task.reset();
    actors_[i].got = false;
    grant();
  }
  Task<> cancel(std::size_t i) {
    if (actors_[i].got) co_return;  // the task has ended
    actors_[i].abort();
    std::erase(queue_, i);
    if (actors_[i].stage == Stage::has) free_ += counts_[i];
    actors_[i].stage = Stage::idle;
    grant();
    co_await actors_[i].end();
    co_await settle();  // those that got something after this task was cancelled run now
    look();
  }

  void grant() {
    while (!queue_.empty() && counts_[queue_.front()] <= free_) {
      free_ -= counts_[queue_.front()];
      actors_[queue_.front()].stage = Stage::has;
      queue_.pop_front();
    }
  }
  /// Every task that can run has run.
  void look() {
    for (std::size_t i = 0; i < kActors; ++i) {
      EXPECT_EQ(actors_[i].got, actors_[i].stage == Stage::has) << "actor " << i;
    }
  }

  Dice dice_;
  typename Kind::Lock lock_;
  std::size_t free_ = Kind::kPermits;
  std::deque<std::size_t> queue_;
  std::array<Actor, kActors> actors_;
  std::array<std::size_t, kActors> counts_{};
  std::array<std::optional<typename Kind::Held>, kActors> held_;
};

template <class Kind>
class LockModels : public testing::Test {};

struct KindNames {
  template <class Kind>
  static std::string GetName(int) {
    if (std::is_same_v<Kind, MutexKind>) return "Mutex";
    return std::is_same_v<Kind, SemaphoreKind> ? "Semaphore" : "RwLock";
  }
};
using Kinds = testing::Types<MutexKind, SemaphoreKind, RwLockKind>;
TYPED_TEST_SUITE(LockModels, Kinds, KindNames);

TYPED_TEST(LockModels, AgreeInEveryStep) {
  run([]() -> Task<> {
    LockModel<TypeParam> model;
    co_await model.check();
  });
}

// ---- what ends waits ----

/// A thing that actors wait for. The derived class has the thing and its model.
class WaitModel {
 public:
  explicit WaitModel(std::size_t actions) : actions_(actions) {}
  virtual ~WaitModel() = default;

  Task<> check() {
    for (int step = 0; step < kSteps && !testing::Test::HasFailure(); ++step) co_await take_step();
    for (Actor& actor : actors_) {
      if (!actor.asks()) continue;
      actor.abort();
      co_await actor.end();
    }
  }

 protected:
  /// Waits for the thing, once.
  virtual Task<bool> wait() = 0;
  /// The model of actor `i` that begins to wait: it is the last in `waiting`.
  virtual void begin(std::size_t i) = 0;
  /// Does something to the thing and to its model.
  virtual void act(std::size_t action) = 0;
  /// The model of a task that is cancelled after its wait has ended, before it runs.
  virtual void pass_on() = 0;

  void end_wait(std::size_t i) {
    actors_[i].stage = Stage::has;
    std::erase(waiting, i);
  }
  void end_all() {
    while (!waiting.empty()) end_wait(waiting.front());
  }

  std::deque<std::size_t> waiting;
  std::array<bool, kActors> by_one{};  ///< its wait was ended for it alone

 private:
  Task<> take_step() {
    const std::size_t i = dice_.below(kActors);
    Actor& actor = actors_[i];
    switch (dice_.below(4)) {
      case 0:
        if (!actor.asks()) co_await ask(i);
        break;
      case 1:
        act(dice_.below(actions_));
        break;
      case 2:
        if (actor.asks()) co_await cancel(i);
        break;
      default:
        co_await settle();
        look();
    }
  }

  Task<> ask(std::size_t i) {
    actors_[i].task = spawn([this, i]() -> Task<> {
      EXPECT_TRUE(co_await wait());
      actors_[i].got = true;
    });
    co_await settle();
    actors_[i].stage = Stage::waits;
    by_one[i] = false;
    waiting.push_back(i);
    begin(i);
    co_await settle();  // the wait of another task may have ended, too
    look();
  }
  Task<> cancel(std::size_t i) {
    const bool passes_on = actors_[i].stage == Stage::has && !actors_[i].got && by_one[i];
    actors_[i].abort();
    std::erase(waiting, i);
    if (passes_on) pass_on();
    co_await actors_[i].end();
    co_await settle();
    look();
  }
  void look() {
    for (std::size_t i = 0; i < kActors; ++i) {
      EXPECT_EQ(actors_[i].got, actors_[i].stage == Stage::has) << "actor " << i;
    }
  }

  Dice dice_;
  std::size_t actions_;
  std::array<Actor, kActors> actors_;
};

class NotifyModel final : public WaitModel {
 public:
  NotifyModel() : WaitModel(2) {}

 private:
  Task<bool> wait() override { co_return (co_await notify_.wait()).has_value(); }
  void begin(std::size_t i) override {
    if (std::exchange(remembered_, false)) end_wait(i);
  }
  void act(std::size_t action) override {
    if (action == 0) {
      notify_.notify_one();
      notify_model();
    } else {
      notify_.notify_all();
      end_all();
    }
  }
  void pass_on() override { notify_model(); }
  void notify_model() {
    if (waiting.empty()) {
      remembered_ = true;
    } else {
      by_one[waiting.front()] = true;
      end_wait(waiting.front());
    }
  }

  Notify notify_;
  bool remembered_ = false;
};

class EventModel final : public WaitModel {
 public:
  EventModel() : WaitModel(2) {}

 private:
  Task<bool> wait() override { co_return (co_await event_.wait()).has_value(); }
  void begin(std::size_t) override {
    if (set_) end_all();
  }
  void act(std::size_t action) override {
    set_ = action == 0;
    if (set_) {
      event_.set();
      end_all();
    } else {
      event_.reset();
    }
    EXPECT_EQ(event_.is_set(), set_);
  }
  void pass_on() override {}

  Event event_;
  bool set_ = false;
};

class BarrierModel final : public WaitModel {
 public:
  BarrierModel() : WaitModel(1) {}

 private:
  static constexpr std::size_t kCount = 3;

  Task<bool> wait() override { co_return (co_await barrier_.arrive_and_wait()).has_value(); }
  void begin(std::size_t) override {
    if (waiting.size() == kCount) end_all();
  }
  void act(std::size_t) override {}
  void pass_on() override {}

  Barrier barrier_{kCount};
};

TEST(WaitModels, OfANotifyAgreesInEveryStep) {
  run([]() -> Task<> {
    NotifyModel model;
    co_await model.check();
  });
}

TEST(WaitModels, OfAnEventAgreesInEveryStep) {
  run([]() -> Task<> {
    EventModel model;
    co_await model.check();
  });
}

TEST(WaitModels, OfABarrierAgreesInEveryStep) {
  run([]() -> Task<> {
    BarrierModel model;
    co_await model.check();
  });
}

}  // namespace
}  // namespace eddy
