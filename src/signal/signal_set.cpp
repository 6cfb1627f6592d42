// SPDX-License-Identifier: MIT

#include "eddy/signal/signal_set.hpp"

#include "eddy/platform/sys.hpp"
#include "eddy/task/ok.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>

namespace eddy {
namespace {

constexpr std::size_t kSignalLimit = 65;

/// All that the handler touches: atomics, and a bell that is never closed.
struct Shared {
  std::array<std::atomic<std::uint64_t>, kSignalLimit> counts{};
  std::atomic<const Pipe*> bell{nullptr};
};

constinit Shared shared;

/// How many sets listen for each signal, and the bell. `mutex` guards both.
struct Registry {
  std::mutex mutex;
  std::array<std::uint32_t, kSignalLimit> listeners{};
  Pipe bell;
};

/// Never destroyed: a signal may come at any time.
Registry& registry() {
  static auto* const instance = new Registry;
  return *instance;
}

void on_signal(int signal_number) noexcept {
  shared.counts[static_cast<std::size_t>(signal_number)].fetch_add(1);
  sys::ring(*shared.bell.load());
}

std::uint64_t count_of(int signal_number) noexcept {
  return shared.counts[static_cast<std::size_t>(signal_number)].load();
}

bool is_signal(int signal_number) noexcept {
  return signal_number > 0 && static_cast<std::size_t>(signal_number) < kSignalLimit;
}

Result<> acquire(int signal_number) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::uint32_t& listeners = all.listeners[static_cast<std::size_t>(signal_number)];
  if (listeners == 0) {
    if (Result<> installed = sys::install_signal(signal_number, on_signal); !installed) {
      return installed;
    }
  }
  ++listeners;
  return {};
}

void release(int signal_number) noexcept {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  std::uint32_t& listeners = all.listeners[static_cast<std::size_t>(signal_number)];
  if (--listeners == 0) static_cast<void>(sys::restore_signal(signal_number));
}

/// A descriptor of the caller's own that becomes readable anew with each signal.
Result<Fd> listen_to_bell() {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  if (!all.bell.reader) {
    Result<Pipe> bell = sys::create_bell();
    if (!bell) return std::unexpected(bell.error());
    all.bell = std::move(*bell);
    shared.bell.store(&all.bell);
  }
  return sys::create_bell_reader(all.bell);
}

}  // namespace

Result<SignalSet> SignalSet::create(std::span<const int> signal_numbers) {
  Result<Fd> bell = listen_to_bell();
  if (!bell) return std::unexpected(bell.error());
  SignalSet set{IoSource(std::move(*bell), detail::kKnownNonblocking)};
  set.listened_.reserve(signal_numbers.size());
  for (const int signal_number : signal_numbers) {
    if (!is_signal(signal_number)) return failure(std::errc::invalid_argument);
    if (set.listens_to(signal_number)) continue;
    const std::uint64_t seen =
        count_of(signal_number);  // before the handler is installed, so no signal is missed
    if (Result<> acquired = acquire(signal_number); !acquired) {
      return std::unexpected(acquired.error());
    }
    set.listened_.push_back({signal_number, seen});
  }
  return set;
}

SignalSet& SignalSet::operator=(SignalSet&& other) noexcept {
  if (this == &other) return *this;
  release_all();
  source_ = std::move(other.source_);
  listened_ = std::move(other.listened_);
  other.listened_.clear();
  return *this;
}

SignalSet::~SignalSet() { release_all(); }

void SignalSet::release_all() noexcept {
  for (const Listened& listened : listened_) release(listened.signal_number);
  listened_.clear();
}

bool SignalSet::listens_to(int signal_number) const noexcept {
  return std::any_of(listened_.begin(), listened_.end(), [=](const Listened& listened) {
    return listened.signal_number == signal_number;
  });
}

SignalSet::Listened* SignalSet::find_pending() noexcept {
  for (Listened& listened : listened_) {
    if (count_of(listened.signal_number) != listened.seen) return &listened;
  }
  return nullptr;
}

bool SignalSet::NextOp::try_start() noexcept {
  sys::hush(set_->source_.raw());  // first: every later ring is an edge
  return set_->find_pending() != nullptr;
}

bool SignalSet::NextOp::begin_wait(detail::Waiter& waiter) noexcept {
  const Result<> waiting = detail::SourceAccess(set_->source_).wait(Direction::read, waiter);
  if (!waiting) error_ = waiting.error();
  return waiting.has_value();
}

bool SignalSet::NextOp::advance(detail::Waiter& waiter) noexcept {
  if (!waiter.unwatch()) {
    error_ = std::make_error_code(std::errc::operation_canceled);
    return true;
  }
  return try_start() || !begin_wait(waiter);
}

Result<int> SignalSet::NextOp::take() noexcept {
  if (error_) return std::unexpected(error_);
  Listened* pending = set_->find_pending();
  const int signal_number = pending->signal_number;
  pending->seen = count_of(signal_number);
  // Now this signal is last in line, so a flood of one signal does not hold up another.
  std::rotate(pending, pending + 1, set_->listened_.data() + set_->listened_.size());
  return signal_number;
}

Task<Result<>> ctrl_c() {
  Result<SignalSet> set = SignalSet::create({SIGINT});
  if (!set) co_return std::unexpected(set.error());
  co_await ok(set->next());
  co_return {};
}

}  // namespace eddy
