// What a debugger needs to find the tasks of a process without calling a function of it, as in a
// core file: a list of the workers, and the offset of each member. A release build has no types in
// its debug information. share/eddy/gdb/eddy.py reads this.
// SPDX-License-Identifier: MIT
#include "eddy/compose/branch.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/worker/dump.hpp"
#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <source_location>
#include <thread>

// offsetof is not guaranteed for classes with virtual functions or private members. All compilers
// that eddy supports give the right offset.
#pragma GCC diagnostic ignored "-Winvalid-offsetof"

namespace eddy::detail {

struct DebugLayout {
  struct Entry {
    char name[24];
    std::uint64_t value;
  };
  static constexpr std::size_t kEntries = 42;

  static constexpr std::array<Entry, kEntries> entries();
  static std::uint64_t bit_of(void (*set)(PromiseBase&)) noexcept;
  void measure_flags() noexcept;
  void add(Listed& worker) noexcept;
  void remove(Listed& worker) noexcept;

  char magic[8] = "eddydbg";
  std::uint32_t version = 1;
  std::uint32_t entry_size = sizeof(Entry);
  std::uint32_t entry_count = kEntries;
  std::uint32_t pointer_size = sizeof(void*);
  Listed* workers = nullptr;  ///< the newest first
  const char* source = std::source_location::current().file_name();
  void (*dump)() = dump_tasks_to_stderr;  ///< links it into every program, for gdb to call
  std::array<Entry, kEntries> entry = entries();
};

constexpr std::array<DebugLayout::Entry, DebugLayout::kEntries> DebugLayout::entries() {
  using State = Waiter::State;
  return {{
      // Positions of bits: byte * 8 + bit. The first worker measures them.
      {"bit.outermost", 0},
      {"bit.branch", 0},
      {"bit.has_cell", 0},
      {"list.next", offsetof(ListNode, next)},
      {"listed.next", offsetof(Listed, next_)},
      {"listed.thread", offsetof(Listed, thread_)},
      {"worker.listed", offsetof(Worker, listed_)},
      {"worker.running", offsetof(Worker, running_)},
      {"worker.starters", offsetof(Worker, starters_)},
      {"worker.ready", offsetof(Worker, ready)},
      {"worker.waiting", offsetof(Worker, waiting_)},
      {"worker.reactor", offsetof(Worker, reactor)},
      {"worker.now", offsetof(Worker, now_)},
      {"starter.task", offsetof(Worker::Starter, task)},
      {"starter.before", offsetof(Worker::Starter, before)},
      {"ready.list", offsetof(ReadyQueue, list_)},
      {"reactor.wakers", offsetof(Reactor, wakers_)},
      {"wakers.pages", offsetof(WakerRegistry, pages_)},
      {"wakers.used", offsetof(WakerRegistry, used_)},
      {"wakers.page_bits", WakerRegistry::kPageBits},
      {"slot.size", sizeof(Slot)},
      {"slot.source", offsetof(Slot, source)},
      {"slot.waiters", offsetof(Slot, waiters)},
      {"source.size", sizeof(RawSource)},
      {"source.none", static_cast<std::uint64_t>(kNoSource)},
      {"task.watched", offsetof(Waiter, watched_)},
      {"task.state", offsetof(PromiseBase, state)},
      {"task.resume_point", offsetof(PromiseBase, resume_point_)},
      {"task.operation", offsetof(PromiseBase, operation_)},
      {"task.cell", offsetof(PromiseBase, cell_)},
      {"task.spawned_at", offsetof(PromiseBase, spawned_at_)},
      {"task.since", offsetof(PromiseBase, since_)},
      {"state.scheduled", static_cast<std::uint64_t>(State::scheduled)},
      {"promise.awaiting", offsetof(PromiseBase, awaiting)},
      // A frame begins with two pointers. No promise is aligned more strictly, so it follows them.
      {"frame.promise", 2 * sizeof(void*)},
      {"cell.named", offsetof(WakerCell, named)},
      {"cell.name", offsetof(NamedCell, name)},
      // How to find the task of a branch. The type of the owner says which entries apply.
      {"cell.owner", offsetof(WakerCell, owner)},
      {"branch.set", offsetof(Branch<void>, set_)},
      {"set.parent", offsetof(BranchSet, parent)},
      {"member.group", offsetof(TaskGroup::Member, group)},
      {"group.scope", offsetof(TaskGroup, scope_)},
  }};
}

/// The position of the bit-field that `set` sets. C++ has no offsetof for bit-fields.
std::uint64_t DebugLayout::bit_of(void (*set)(PromiseBase&)) noexcept {
  using Bytes = std::array<unsigned char, sizeof(PromiseBase)>;
  alignas(PromiseBase) static constinit Bytes storage{};
  auto* header = ::new (storage.data()) PromiseBase;
  const Bytes before = storage;
  set(*header);
  const Bytes after = storage;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (const unsigned changed = before[i] ^ static_cast<unsigned>(after[i]); changed != 0) {
      return i * 8 + static_cast<unsigned>(std::countr_zero(changed));
    }
  }
  return 0;
}

void DebugLayout::measure_flags() noexcept {
  entry[0].value = bit_of([](PromiseBase& task) { task.outermost = true; });
  entry[1].value = bit_of([](PromiseBase& task) { task.branch = true; });
  entry[2].value = bit_of([](PromiseBase& task) { task.has_cell = true; });
}

void DebugLayout::add(Listed& worker) noexcept {
  const std::thread::id thread = std::this_thread::get_id();
  static_assert(sizeof thread <= sizeof worker.thread_);
  std::memcpy(&worker.thread_, &thread, sizeof thread);
  if (workers == nullptr) measure_flags();
  worker.next_ = workers;
  workers = &worker;
}

void DebugLayout::remove(Listed& worker) noexcept {
  for (Listed** link = &workers; *link != nullptr; link = &(*link)->next_) {
    if (*link != &worker) continue;
    *link = worker.next_;
    return;
  }
}

}  // namespace eddy::detail

// extern "C": so the name is the same for every compiler.
extern "C" {
constinit eddy::detail::DebugLayout eddy_debug_layout;
}

namespace eddy::detail {
namespace {

/// Never destroyed: a worker may end after the static objects.
std::mutex& layout_mutex() {
  static auto* const mutex = new std::mutex;
  return *mutex;
}

}  // namespace

Listed::Listed() noexcept {
  const std::lock_guard lock(layout_mutex());
  eddy_debug_layout.add(*this);
}

Listed::~Listed() {
  const std::lock_guard lock(layout_mutex());
  eddy_debug_layout.remove(*this);
}

}  // namespace eddy::detail
