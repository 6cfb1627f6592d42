// The reactor of a thread: readiness in, wakes out.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/core/ready_queue.hpp"
#include "eddy/platform/events.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/reactor/backend.hpp"
#include "eddy/reactor/platform_reactor.hpp"
#include "eddy/reactor/waker_registry.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace eddy {

/// A backend, and the registry of the tasks that wait on it.
///
/// Each thread has one, made at first use and lent by `with_reactor`. `register_source`,
/// `reregister`, `deregister` and `poll_raw` are the backend's, with the contract of
/// `ReactorBackend`. They are for callers with tokens of their own (below 2^32), on threads that
/// run no tasks: the run loop drops the events of such tokens.
///
/// **Thread**: its own.
class EDDY_EXPORT Reactor {
 public:
  /// Its wakes go to `ready`, which must outlive it.
  /// **Errors**: the kernel's, if it refuses another epoll or kqueue.
  [[nodiscard]] static Result<Reactor> create(detail::ReadyQueue& ready);

  [[nodiscard]] Result<> register_source(RawSource source, Token token, Interest interest) const {
    if (token >> 32 == 0) has_own_tokens_ = true;
    return backend_.register_source(source, token, interest);
  }
  [[nodiscard]] Result<> reregister(RawSource source, Token token, Interest interest) const {
    return backend_.reregister(source, token, interest);
  }
  /// Says that an attempt in the direction `blocked` would block. On Windows the next event of that
  /// direction is due only after this call.
  [[nodiscard]] Result<> rearm(RawSource source, Interest blocked) const {
    return rearm_if_needed(backend_, source, blocked);
  }
  [[nodiscard]] Result<> deregister(RawSource source) const { return backend_.deregister(source); }
  /// Removes the source, and wakes the tasks that wait under `token`: their operations end with
  /// operation_canceled.
  /// **Errors**: no_such_file_or_directory for a token of the registry whose slot is lost or gone.
  /// Then nothing is removed: the number may be another source's.
  [[nodiscard]] Result<> deregister_with_token(RawSource source, Token token);

  /// Registers the source of `slot`, for everything. An older slot of the same number is lost then:
  /// its descriptor was closed without its owner's knowledge.
  /// **Errors**: file_exists if another slot has registered this very source. Windows cannot tell
  /// this case, so there the older slot is lost.
  [[nodiscard]] Result<> register_slot(WakerRegistry::Slot& slot);
  /// Frees `slot`, and removes its registration if it still has one.
  void deregister_slot(WakerRegistry::Slot& slot);

  /// Reports what is ready, and wakes the tasks that wait for it. A wake puts a task on the ready
  /// queue. The reactor never resumes, destroys or calls back anything.
  [[nodiscard]] Result<std::size_t> poll(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout);
  /// Wakes the tasks that wait for what is ready, and makes no list of events.
  [[nodiscard]] Result<std::size_t> poll(std::optional<std::chrono::nanoseconds> timeout) {
    return backend_.poll(wakers_, timeout);
  }
  /// Reports what is ready, and wakes nobody.
  [[nodiscard]] Result<std::size_t> poll_raw(
      Events& events, std::optional<std::chrono::nanoseconds> timeout) const {
    return backend_.poll(events, timeout);
  }

  /// Makes a new kernel object, and registers every source with it. It is for the child of a
  /// `fork`, which shares the old kernel object with its parent. The child may close what it has
  /// inherited, but must call this before it uses anything else of eddy: polling and registering
  /// stop the child otherwise. A source is lost if the child has closed its descriptor without
  /// eddy.
  /// **Errors**: the kernel's; the reactor is then unusable.
  [[nodiscard]] Result<> rebuild();
  /// The number of rebuilds. A notifier belongs to the kernel object for which it was made.
  std::uint32_t rebuild_count() const noexcept { return rebuild_count_; }

  /// What wakes `poll` from other threads.
  [[nodiscard]] Result<PlatformReactor::Notifier> create_notifier() const {
    return backend_.create_notifier();
  }
  /// True if orphans, registrations that outlive their descriptors, have woken the thread often.
  bool has_many_orphans() const noexcept { return wakers_.has_many_strays(); }
  /// Drops the orphans, if the backend can have any. Afterwards only `notifier` wakes `poll`; other
  /// notifiers do not. Does nothing if the kernel has no room, or if a caller has registered a
  /// source under a token of its own: eddy could not register that source anew.
  void drop_orphans(const PlatformReactor::Notifier& notifier);
  WakerRegistry& wakers() noexcept { return wakers_; }

 private:
  friend struct detail::DebugLayout;

  Reactor(PlatformReactor backend, detail::ReadyQueue& ready)
      : backend_(std::move(backend)), wakers_(ready) {}

  [[nodiscard]] Result<> add(const WakerRegistry::Slot& slot) const;
  bool may_take_over(RawSource source) noexcept;

  PlatformReactor backend_;
  WakerRegistry wakers_;
  std::uint32_t rebuild_count_ = 0;
  mutable bool has_own_tokens_ = false;  ///< a caller has registered a source under its own token
};

namespace detail {

class Home;

/// One borrow of the thread's reactor. Stops the program if the borrow is not allowed.
class EDDY_EXPORT ReactorBorrow {
 public:
  enum class Kind : bool { shared, exclusive };

  explicit ReactorBorrow(Kind kind);
  ReactorBorrow(const ReactorBorrow&) = delete;
  ReactorBorrow& operator=(const ReactorBorrow&) = delete;
  ~ReactorBorrow();

  Reactor& operator*() const noexcept;

 private:
  Home* home_;
  Kind kind_;
};

/// The thread's reactor, without a borrow. Makes it if there is none yet.
Reactor& thread_reactor();
/// The thread's reactor, without a borrow; null if there is none yet.
Reactor* thread_reactor_if_any() noexcept;

}  // namespace detail

/// Calls `f` with the thread's reactor, and returns what `f` returns. The reactor is made at first
/// use; if the kernel refuses, the program stops with the reason. Calls may be nested, but a call
/// inside `with_reactor_mut` stops the program.
template <class F>
decltype(auto) with_reactor(F&& f) {
  const detail::ReactorBorrow borrow(detail::ReactorBorrow::Kind::shared);
  return std::forward<F>(f)(std::as_const(*borrow));
}

/// As `with_reactor`, but `f` may change the reactor. A call inside another borrow stops the
/// program. The loop polls under such a borrow too.
template <class F>
decltype(auto) with_reactor_mut(F&& f) {
  const detail::ReactorBorrow borrow(detail::ReactorBorrow::Kind::exclusive);
  return std::forward<F>(f)(*borrow);
}

}  // namespace eddy
