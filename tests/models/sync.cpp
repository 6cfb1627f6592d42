// A model of how a wait ends that threads share, made of the library's own parts: the flag, the
// state of a wait, and the message that is posted once. A task waits, or leaves before its time;
// another thread ends its wait, and then destroys what it waited for. Relacy runs them in many
// orders, with every value that a load may see on weak hardware. The code must pass, and Relacy
// must find each order that is made weaker, and each step that is left out.
// SPDX-License-Identifier: MIT
#include "eddy/core/spin_flag.hpp"
#include "eddy/sync/wait_state.hpp"
#include "eddy/worker/inbox_atomics.hpp"

#include "models/simulate.hpp"

#include <ostream>

namespace eddy::detail {

/// For the histories of Relacy.
inline std::ostream& operator<<(std::ostream& out, WaitState state) {
  return out << static_cast<int>(state);
}

}  // namespace eddy::detail

namespace eddy::model {
namespace {

using detail::WaitState;
using std::memory_order;

using Flag = detail::SpinFlag<CheckedAtomics<Part::flag>>;

/// Faults of the scenario, which stand for steps of the code that are left out.
bool leaves_without_state = false;  ///< a task that leaves does not say so first
bool destroys_at_once = false;      ///< what is waited for is destroyed while a task is leaving
bool forgets_its_wake = false;      ///< a task that has ended does not take its wake back

/// As `SharedWait`.
struct Wait {
  detail::SharedWaitState<CheckedAtomics<>> state;
  CheckedVar<bool> sent = false;
  rl::var<int> used;

  Wait() { used($) = 0; }
  ~Wait() { used($) = 1; }
};

/// As an `Event` with room for one wait.
struct Event {
  Flag flag;
  CheckedVar<Wait*> waiting = nullptr;
};

/// As `RemoteWakes`, with the park of their thread.
struct Wakes {
  Flag flag;
  CheckedVar<Wait*> first = nullptr;
  detail::PostedOnce<CheckedAtomics<Part::posted>> once;
  rl::generic_event notified;
};

/// Thread 0 has a task that waits. Thread 1 ends the wait, and destroys what was waited for.
class Ends : public rl::test_suite<Ends, 2> {
 public:
  void before() {
    wakes_.notified.init(false, false, $);
    result_($) = 0;
    event_ = new Event;
    wait_ = new Wait;
    wait_->state.set(WaitState::waiting);
    event_->waiting = wait_;
    leaves_ = rl::rand(2) == 0;
  }
  void after() { wakes_.notified.deinit($); }

  void thread(unsigned self) {
    if (self == 0) {
      wait();
    } else {
      set();
      destroy_event();
    }
  }

 private:
  void wait() {
    if (!leaves_ || !leave()) {
      while (wait_->state.get() == WaitState::waiting) {
        wakes_.notified.wait(false, false, $);
        deliver();
      }
      RL_ASSERT(result_($) == 1);  // what came before the end is seen
      finish();
    }
    delete wait_;
    deliver();
  }
  /// False: the wait has ended.
  bool leave() {
    if (leaves_without_state) {
      if (wait_->state.get() != WaitState::waiting) return false;
    } else if (!wait_->state.leave()) {
      RL_ASSERT(result_($) == 1);  // what came before the end is seen
      return false;
    }
    event_->flag.lock();
    event_->waiting = nullptr;
    event_->flag.unlock();
    return true;
  }
  void finish() {
    if (!wait_->sent || forgets_its_wake) return;
    wakes_.flag.lock();
    wakes_.first = nullptr;
    wakes_.flag.unlock();
  }
  void deliver() {
    wakes_.once.end_post();
    wakes_.flag.lock();
    if (Wait* const woken = wakes_.first) woken->used($) = 2;
    wakes_.first = nullptr;
    wakes_.flag.unlock();
  }

  void set() {
    bool posts = false;
    result_($) = 1;
    event_->flag.lock();
    if (Wait* const wait = event_->waiting) {
      wakes_.flag.lock();
      wait->sent = true;
      if (wait->state.end(WaitState::granted)) {
        event_->waiting = nullptr;
        wakes_.first = wait;
        posts = wakes_.once.begin_post();
      } else {
        wait->sent = false;
      }
      wakes_.flag.unlock();
    }
    event_->flag.unlock();
    if (posts) wakes_.notified.set($);
  }
  /// As `SharedWaits::end`.
  void destroy_event() {
    for (unsigned round = 0; !destroys_at_once; ++round) {
      event_->flag.lock();
      const bool empty = static_cast<Wait*>(event_->waiting) == nullptr;
      event_->flag.unlock();
      if (empty) break;
      CheckedAtomics<>::spin(round);
    }
    delete event_;
  }

  Event* event_ = nullptr;
  Wait* wait_ = nullptr;
  Wakes wakes_;
  rl::var<int> result_;
  bool leaves_ = false;
};

/// Three threads count under one flag.
class Counts : public rl::test_suite<Counts, 3> {
 public:
  void before() { count_($) = 0; }
  void thread(unsigned) {
    for (int i = 0; i < 2; ++i) {
      flag_.lock();
      count_($) = count_($) + 1;
      flag_.unlock();
    }
  }
  void after() { RL_ASSERT(count_($) == 6); }

 private:
  Flag flag_;
  rl::var<int> count_;
};

bool finds_all() {
  const auto race = rl::test_result_data_race;
  const auto freed = rl::test_result_access_to_freed_memory;
  int wrong = 0;
  wrong += !finds<Counts>(
      "who takes the flag does not see what the last holder did",
      {Part::flag, Access::exchange, memory_order::acquire, memory_order::relaxed}, race);
  wrong += !finds<Counts>("who frees the flag does not publish what it did",
                          {Part::flag, Access::store, memory_order::release, memory_order::relaxed},
                          race);
  wrong += !finds<Ends>(
      "the end of a wait does not publish what came before",
      {Part::state, Access::compare_exchange, memory_order::release, memory_order::relaxed}, race);
  wrong +=
      !finds<Ends>("who sees the end of a wait does not see what came before",
                   {Part::state, Access::load, memory_order::acquire, memory_order::relaxed}, race);
  wrong += !finds<Ends>(
      "a task that is too late to leave does not see what came before",
      {Part::state, Access::compare_exchange, memory_order::acquire, memory_order::relaxed}, race);
  const auto finds_fault = [&](bool& fault, const char* name) {
    fault = true;
    wrong += !ends_with<Ends>(freed, name, kIterations);
    fault = false;
  };
  finds_fault(leaves_without_state, "a task leaves and does not say so first");
  finds_fault(destroys_at_once, "what is waited for goes while a task is leaving");
  finds_fault(forgets_its_wake, "a task that has ended does not take its wake back");
  return wrong == 0;
}

bool passes_all() {
  int wrong = 0;
  wrong += !passes<Counts>("counts under a flag");
  wrong += !passes<Ends>("ends of a wait");
  return wrong == 0;
}

}  // namespace
}  // namespace eddy::model

int main() {
  const bool passed = eddy::model::passes_all();
  const bool found = eddy::model::finds_all();
  return passed && found ? 0 : 1;
}
