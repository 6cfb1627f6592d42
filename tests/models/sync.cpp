// A model of how a wait ends that threads share, made of the library's own parts: the flag, the
// state of a wait, and the message that is posted once. A task waits, or leaves before its time;
// another thread ends its wait, and then destroys what it waited for. Relacy runs them in many
// orders, with every value that a load may see on weak hardware. It also runs a lock that is
// handed over, a fact that is seen without the flag, and a room of a channel, from which the
// receiver takes the value without the flag. The code must pass, and Relacy must find each order
// that is made weaker, and each step that is left out.
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
bool lists_given_late = false;      ///< what a task was given is noted after the end of its wait
bool keeps_given = false;           ///< a task that leaves with what it was given keeps it
bool goes_without_flag = false;     ///< an event goes without a look at its flag
bool counts_without_flag = false;   ///< a reference goes without the flag
bool frees_room_first = false;      ///< a room is free before its value is taken

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

/// Thread 1 unlocks a mutex for which thread 0 waits. Thread 0 may leave meanwhile. Then it passes
/// on what it was given.
class Gives : public rl::test_suite<Gives, 2> {
 public:
  void before() {
    state_.set(WaitState::waiting);
    leaves_ = rl::rand(2) == 0;
  }
  void thread(unsigned self) {
    if (self == 1) {
      unlock();
      return;
    }
    if (leaves_ && state_.leave()) {
      flag_.lock();
      waits_ = false;
      flag_.unlock();
      return;
    }
    for (unsigned round = 0; state_.get() == WaitState::waiting; ++round) {
      CheckedAtomics<>::spin(round);
    }
    if (given_) {
      flag_.lock();
      given_ = false;
      flag_.unlock();
    }
    if (leaves_ && !keeps_given) unlock();
  }
  /// Thread 0 has the lock, or nobody.
  void after() { RL_ASSERT(!given_ && locked_ == !leaves_); }

 private:
  /// As `MutexCore::unlock` and `SharedLock::give_first`.
  void unlock() {
    flag_.lock();
    if (!waits_ || !give()) locked_ = false;
    flag_.unlock();
  }
  bool give() {
    if (!lists_given_late) given_ = true;
    if (!state_.end(WaitState::granted)) {
      given_ = false;
      return false;
    }
    if (lists_given_late) given_ = true;
    waits_ = false;
    return true;
  }

  Flag flag_;
  detail::SharedWaitState<CheckedAtomics<>> state_;
  CheckedVar<bool> locked_ = true;
  CheckedVar<bool> waits_ = true;
  CheckedVar<bool> given_ = false;
  bool leaves_ = false;
};

/// As `Event::set`, and a thread that finds the event set and destroys it at once.
class Sets : public rl::test_suite<Sets, 2> {
  struct Fact {
    Flag flag;
    CheckedAtomic<bool, Part::set> set = false;
  };

 public:
  void before() {
    fact_ = new Fact;
    result_($) = 0;
  }
  void thread(unsigned self) {
    if (self == 1) {
      result_($) = 1;
      fact_->flag.lock();
      fact_->set.store(true, memory_order::release);
      fact_->flag.unlock();
      return;
    }
    for (unsigned round = 0; !fact_->set.load(memory_order::acquire); ++round) {
      CheckedAtomics<>::spin(round);
    }
    RL_ASSERT(result_($) == 1);
    if (!goes_without_flag) {
      fact_->flag.lock();
      fact_->flag.unlock();
    }
    delete fact_;
  }

 private:
  Fact* fact_ = nullptr;
  rl::var<int> result_;
};

/// As a channel with one room: two threads send, thread 0 receives. The last to go destroys it.
class Rooms : public rl::test_suite<Rooms, 3> {
  struct Channel {
    Flag flag;
    CheckedAtomic<unsigned, Part::size> size = 0;
    CheckedAtomic<unsigned, Part::count> references = 3;
    CheckedVar<bool> is_free = true;
    CheckedVar<unsigned> value = 0;

    ~Channel() { is_free = true; }  // must come after all that other threads did
  };

 public:
  void before() { channel_ = new Channel; }
  void thread(unsigned self) {
    if (self == 0) {
      receive();
    } else {
      for (unsigned round = 0; !try_push(self); ++round) CheckedAtomics<>::spin(round);
    }
    end_reference();
  }

 private:
  bool try_push(unsigned value) {
    channel_->flag.lock();
    const bool fits = channel_->is_free;
    if (fits) {
      channel_->is_free = false;
      channel_->value = value;
      set_size(1);
    }
    channel_->flag.unlock();
    return fits;
  }
  void receive() {
    unsigned sum = 0;
    for (int i = 0; i < 2; ++i) {
      for (unsigned round = 0; channel_->size.load(memory_order::acquire) == 0; ++round) {
        CheckedAtomics<>::spin(round);
      }
      if (!frees_room_first) sum += channel_->value;
      channel_->flag.lock();
      set_size(0);
      channel_->is_free = true;
      channel_->flag.unlock();
      if (frees_room_first) sum += channel_->value;
    }
    RL_ASSERT(sum == 3);
  }
  void set_size(unsigned size) { channel_->size.store(size, memory_order::release); }
  void end_reference() {
    if (!counts_without_flag) channel_->flag.lock();
    const bool last = channel_->references.fetch_sub(1, memory_order::relaxed) == 1;
    if (!counts_without_flag) channel_->flag.unlock();
    if (last) delete channel_;
  }

  Channel* channel_ = nullptr;
};

template <class Scenario>
bool finds_fault(bool& fault, rl::test_result_e expected, const char* name) {
  fault = true;
  const bool right = ends_with<Scenario>(expected, name, kIterations);
  fault = false;
  return right;
}

bool finds_all() {
  const auto race = rl::test_result_data_race;
  const auto freed = rl::test_result_access_to_freed_memory;
  const auto lost = rl::test_result_user_assert_failed;
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
  wrong +=
      !finds<Sets>("who sees that an event is set does not see what came before",
                   {Part::set, Access::load, memory_order::acquire, memory_order::relaxed}, race);
  wrong +=
      !finds<Sets>("the set of an event does not publish what came before",
                   {Part::set, Access::store, memory_order::release, memory_order::relaxed}, race);
  wrong +=
      !finds<Rooms>("who sees the size does not see the value",
                    {Part::size, Access::load, memory_order::acquire, memory_order::relaxed}, race);
  wrong += !finds<Rooms>("the size does not publish the value",
                         {Part::size, Access::store, memory_order::release, memory_order::relaxed},
                         race);
  wrong += !finds_fault<Ends>(leaves_without_state, freed, "a task leaves, not saying so first");
  wrong += !finds_fault<Ends>(destroys_at_once, freed, "a thing goes while a task is leaving");
  wrong += !finds_fault<Ends>(forgets_its_wake, freed, "a task does not take its wake back");
  wrong += !finds_fault<Gives>(lists_given_late, race, "what was given is noted too late");
  wrong += !finds_fault<Gives>(keeps_given, lost, "a task leaves with what it was given");
  wrong += !finds_fault<Sets>(goes_without_flag, freed, "an event goes while it is being set");
  wrong += !finds_fault<Rooms>(frees_room_first, race, "a room is free before it is empty");
  wrong += !finds_fault<Rooms>(counts_without_flag, race, "a reference goes without the flag");
  return wrong == 0;
}

bool passes_all() {
  int wrong = 0;
  wrong += !passes<Counts>("counts under a flag");
  wrong += !passes<Ends>("ends of a wait");
  wrong += !passes<Gives>("a lock that is handed over");
  wrong += !passes<Sets>("a fact that is seen without the flag");
  wrong += !passes<Rooms>("a room of a channel");
  return wrong == 0;
}

}  // namespace
}  // namespace eddy::model

int main() {
  const bool passed = eddy::model::passes_all();
  const bool found = eddy::model::finds_all();
  return passed && found ? 0 : 1;
}
