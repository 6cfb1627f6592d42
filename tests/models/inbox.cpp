// A model of the inbox, made of the inbox's own code. Threads post; the owner drains, parks and
// closes; in many orders, and with every value that a load may see on weak hardware. Relacy finds
// endless waits, races, double frees, uses after a free, and leaks. The code must pass, and Relacy
// must find each order that is made weaker.
// SPDX-License-Identifier: MIT
#include "eddy/worker/inbox_atomics.hpp"

#include "models/simulate.hpp"

namespace eddy::model {
namespace {

using std::memory_order;

/// A fault of the scenario, not of the code: a thread posts without a reference to the inbox.
bool posts_without_reference = false;

constexpr unsigned kThreads = 3;  ///< of which 0 owns the inbox

/// An object that several threads share until the last one releases it.
struct Shared {
  detail::References<CheckedAtomics<>> references;
  rl::var<int> used[kThreads];

  Shared() {
    for (rl::var<int>& mine : used) mine($) = 0;
  }
  /// True: that was the last reference.
  bool let_go(unsigned thread) {
    used[thread]($) = 1;
    if (!references.remove()) return false;
    // As the destructor does. It must come after everything that other threads did.
    for (rl::var<int>& mine : used) mine($) = 2;
    return true;
  }
};

/// `detail::Inbox`, with a model of the kernel's event: it stays set until the owner has slept
/// once.
template <class Node>
struct Inbox : Shared {
  detail::MessageStack<Node, CheckedAtomics<>> messages;
  rl::generic_event notified;

  Inbox() { notified.init(false, false, $); }
  ~Inbox() { notified.deinit($); }

  bool post(Node& node) {
    const detail::Pushed pushed = messages.push(node);
    if (pushed == detail::Pushed::to_sleeper) notified.set($);
    return pushed != detail::Pushed::refused;
  }
  /// As `Worker::park` does.
  void park() {
    if (!messages.begin_park()) return;
    notified.wait(false, false, $);
    messages.end_park();
  }
};

/// Two threads send messages, which are destroyed when they are delivered. The owner waits for some
/// of them, or for none, and then ends.
class Posts : public rl::test_suite<Posts, kThreads> {
  struct Message {
    Message(unsigned from, int number) : sender(from), value(0) { value($) = number; }

    CheckedVar<Message*> next = nullptr;
    unsigned sender;
    rl::var<int> value;
  };

  static constexpr int kEach = 2;
  static constexpr int kAll = kEach * (int{kThreads} - 1);

 public:
  void before() {
    inbox_ = new Inbox<Message>;
    for (unsigned i = 1; i < kThreads; ++i) inbox_->references.add();
    wanted_ = static_cast<int>(rl::rand(kAll + 1));
  }

  void thread(unsigned self) {
    if (self == 0) {
      own();
    } else {
      send(self);
    }
  }

  void after() {
    RL_ASSERT(delivered_ >= wanted_);
    RL_ASSERT(delivered_ + dropped_ + refused_[1] + refused_[2] == kAll);
  }

 private:
  void own() {
    for (;;) {
      if (!inbox_->messages.empty()) delivered_ += end_each(inbox_->messages.take_all());
      if (delivered_ >= wanted_) break;
      inbox_->park();
    }
    dropped_ = end_each(inbox_->messages.close());
    if (inbox_->let_go(0)) delete inbox_;
  }

  void send(unsigned self) {
    if (posts_without_reference && inbox_->let_go(self)) {
      delete inbox_;
      refused_[self] = kEach;
      return;
    }
    for (int i = 1; i <= kEach; ++i) {
      auto* message = new Message(self, i);
      if (inbox_->post(*message)) continue;
      delete message;
      ++refused_[self];
    }
    if (!posts_without_reference && inbox_->let_go(self)) delete inbox_;
  }

  /// Returns the number of messages.
  int end_each(Message* message) {
    int count = 0;
    while (message != nullptr) {
      Message* const next = message->next;
      RL_ASSERT(message->value($) == ++last_[message->sender]);
      delete message;
      message = next;
      ++count;
    }
    return count;
  }

  Inbox<Message>* inbox_ = nullptr;
  int wanted_ = 0;
  int delivered_ = 0;
  int dropped_ = 0;
  int refused_[kThreads] = {};
  int last_[kThreads] = {};
};

/// Two threads wake one task by one message, which is in the inbox at most once. The task ends when
/// it has seen what both threads did before their wakes.
class Wakes : public rl::test_suite<Wakes, kThreads> {
  struct Cell : Shared {
    CheckedVar<Cell*> next = nullptr;
    detail::PostedOnce<CheckedAtomics<Part::posted>> once;
  };

 public:
  void before() {
    inbox_ = new Inbox<Cell>;
    cell_ = new Cell;
    for (unsigned i = 1; i < kThreads; ++i) {
      inbox_->references.add();
      cell_->references.add();
      came_[i].store(0, rl::mo_relaxed, $);
    }
  }

  void thread(unsigned self) {
    if (self == 0) {
      while (!run()) inbox_->park();
      if (Cell* cell = inbox_->messages.close()) end(*cell, 0);
    } else {
      came_[self].store(1, rl::mo_relaxed, $);
      if (cell_->once.begin_post()) {
        cell_->references.add();
        if (!inbox_->post(*cell_)) end(*cell_, self);
      }
    }
    end(*cell_, self);
    if (inbox_->let_go(self)) delete inbox_;
  }

 private:
  /// One turn of the owner; true if its task has ended.
  bool run() {
    if (inbox_->messages.empty()) return false;
    Cell* const cell = inbox_->messages.take_all();
    RL_ASSERT(static_cast<Cell*>(cell->next) == nullptr);
    cell->once.end_post();
    const bool both = came_[1].load(rl::mo_relaxed, $) + came_[2].load(rl::mo_relaxed, $) == 2;
    end(*cell, 0);
    return both;
  }

  static void end(Cell& cell, unsigned thread) {
    if (cell.let_go(thread)) delete &cell;
  }

  Inbox<Cell>* inbox_ = nullptr;
  Cell* cell_ = nullptr;
  rl::atomic<int> came_[kThreads];
};

bool finds_all() {
  constexpr memory_order kStrongest = memory_order::seq_cst;
  const auto deadlock = rl::test_result_deadlock;
  const auto race = rl::test_result_data_race;
  int wrong = 0;
  wrong += !finds<Posts>("the look at the stack before the park overtakes the flag",
                         {Part::head, Access::load, kStrongest, memory_order::acquire}, deadlock);
  wrong +=
      !finds<Posts>("the flag is raised too late",
                    {Part::parked, Access::exchange, kStrongest, memory_order::relaxed}, deadlock);
  wrong += !finds<Posts>("the look at the flag overtakes the push",
                         {Part::parked, Access::load, kStrongest, memory_order::relaxed}, deadlock);
  wrong += !finds<Posts>("a push does not publish its node",
                         {Part::head, Access::compare_exchange, kStrongest, memory_order::relaxed},
                         race);
  wrong += !finds<Posts>("what is taken is not acquired",
                         {Part::head, Access::exchange, kStrongest, memory_order::relaxed}, race);
  wrong += !finds<Posts>(
      "the last reference does not see what the others did",
      {Part::count, Access::subtract, memory_order::acq_rel, memory_order::relaxed}, race);
  wrong +=
      !finds<Wakes>("a wake that finds the message posted is not seen by its delivery",
                    {Part::posted, Access::exchange, kStrongest, memory_order::relaxed}, deadlock);
  posts_without_reference = true;
  wrong += !ends_with<Posts>(rl::test_result_access_to_freed_memory, "a post without a reference",
                             kIterations);
  posts_without_reference = false;
  return wrong == 0;
}

bool passes_all() {
  int wrong = 0;
  wrong += !passes<Posts>("posts");
  wrong += !passes<Wakes>("wakes");
  return wrong == 0;
}

}  // namespace
}  // namespace eddy::model

int main() {
  const bool passed = eddy::model::passes_all();
  const bool found = eddy::model::finds_all();
  return passed && found ? 0 : 1;
}
