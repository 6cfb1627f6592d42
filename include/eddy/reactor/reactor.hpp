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
#include <memory>
#include <optional>
#include <utility>

namespace eddy {

/// A backend and the registry of those who wait on it.
///
/// Each thread has one, made at first use and lent by `with_reactor`. `register_source`,
/// `reregister`, `deregister` and `poll_raw` are the backend's, with the contract of
/// `ReactorBackend`, for callers with tokens of their own (below 2^32), on threads where nobody
/// runs tasks: the run loop drops the events of such tokens.
///
/// **Thread**: its own.
class EDDY_EXPORT Reactor {
 public:
  /// **Errors**: what the kernel says when it refuses another epoll or kqueue.
  [[nodiscard]] static Result<Reactor> create();

  [[nodiscard]] Result<> register_source(RawSource source, Token token, Interest interest) const {
    if (token >> 32 == 0) has_own_tokens_ = true;
    return backend_.register_source(source, token, interest);
  }
  [[nodiscard]] Result<> reregister(RawSource source, Token token, Interest interest) const {
    return backend_.reregister(source, token, interest);
  }
  /// An attempt on the source would have blocked in this direction. Must be said, on some
  /// platforms, before its next event is due.
  [[nodiscard]] Result<> rearm(RawSource source, Interest blocked) const {
    return rearm_if_needed(backend_, source, blocked);
  }
  [[nodiscard]] Result<> deregister(RawSource source) const { return backend_.deregister(source); }
  /// Removes the source, and wakes those who wait under `token`: their operations end with
  /// operation_canceled. A token of the registry's whose slot is lost or gone removes nothing:
  /// no_such_file_or_directory. The number may be another's now.
  [[nodiscard]] Result<> deregister_with_token(RawSource source, Token token);

  /// Registers the source of `slot`, for everything. Another slot of the same number is lost then:
  /// its source was closed behind its owner's back.
  /// **Errors**: file_exists if that very source is registered by another slot; on Windows nothing
  /// tells, and the older slot is lost.
  [[nodiscard]] Result<> register_slot(WakerRegistry::Slot& slot);
  /// Frees `slot`, and removes its registration if it still has one.
  void deregister_slot(WakerRegistry::Slot& slot);

  /// Reports what is ready and wakes those who wait for it. A wake puts a task on the ready queue;
  /// nothing is resumed, destroyed or called back from here.
  [[nodiscard]] Result<std::size_t> poll(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout);
  /// Wakes those who wait for what is ready, and makes no list of it.
  [[nodiscard]] Result<std::size_t> poll(std::optional<std::chrono::nanoseconds> timeout) {
    return backend_.poll(wakers_, timeout);
  }
  /// Reports what is ready and wakes nobody.
  [[nodiscard]] Result<std::size_t> poll_raw(
      Events& events, std::optional<std::chrono::nanoseconds> timeout) const {
    return backend_.poll(events, timeout);
  }

  /// Makes a new kernel object and registers every source with it anew. For the child of a `fork`,
  /// which shares the old one with its parent: must be called there before anything else of eddy,
  /// but for closing what it has inherited; else polling and registering stop the child. Sources
  /// whose descriptors the child has closed otherwise are lost.
  /// **Errors**: what the kernel says; the reactor is then unusable.
  [[nodiscard]] Result<> rebuild();
  /// How often that was done; notifiers of before belong to the old object.
  std::uint32_t rebuild_count() const noexcept { return rebuild_count_; }

  /// What wakes `poll` from other threads.
  [[nodiscard]] Result<PlatformReactor::Notifier> create_notifier() const {
    return backend_.create_notifier();
  }
  /// Registrations that have outlived their descriptors have woken the thread for nobody, often.
  bool has_many_orphans() const noexcept { return wakers_.has_many_strays(); }
  /// Gets rid of such registrations, if the backend can have any. `notifier` goes on to wake
  /// `poll`; no other notifier does. Does nothing if a caller has used tokens of its own here,
  /// which nobody but the caller could register anew, or if the kernel has no room.
  void drop_orphans(const PlatformReactor::Notifier& notifier);
  /// Where wakes go.
  detail::ReadyQueue& ready() noexcept { return *ready_; }
  WakerRegistry& wakers() noexcept { return wakers_; }

 private:
  friend struct detail::DebugLayout;

  explicit Reactor(PlatformReactor backend)
      : backend_(std::move(backend)),
        ready_(std::make_unique<detail::ReadyQueue>()),
        wakers_(*ready_) {}

  [[nodiscard]] Result<> add(const WakerRegistry::Slot& slot) const;
  bool may_take_over(RawSource source) noexcept;

  PlatformReactor backend_;
  std::unique_ptr<detail::ReadyQueue> ready_;  // a fixed address: the reactor may be moved
  WakerRegistry wakers_;
  std::uint32_t rebuild_count_ = 0;
  mutable bool has_own_tokens_ = false;  ///< a caller has registered a source under its own token
};

namespace detail {

class Home;

/// Counts the borrows of the thread's reactor, and stops the program at one that is not allowed.
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

/// The thread's reactor, without a borrow; made if there is none yet.
Reactor& thread_reactor();
/// The same, or null if there is none.
Reactor* thread_reactor_if_any() noexcept;

}  // namespace detail

/// Calls `f` with the thread's reactor, and returns what it returns. The reactor is made at first
/// use; if the kernel refuses, the program stops with the reason. May be nested, but not inside
/// `with_reactor_mut`: that stops the program.
template <class F>
decltype(auto) with_reactor(F&& f) {
  const detail::ReactorBorrow borrow(detail::ReactorBorrow::Kind::shared);
  return std::forward<F>(f)(std::as_const(*borrow));
}

/// The same with the right to change it. The loop polls under this borrow; inside any other borrow
/// it stops the program.
template <class F>
decltype(auto) with_reactor_mut(F&& f) {
  const detail::ReactorBorrow borrow(detail::ReactorBorrow::Kind::exclusive);
  return std::forward<F>(f)(*borrow);
}

}  // namespace eddy
