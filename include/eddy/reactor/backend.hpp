// What a backend of the reactor must do.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/events.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/reactor/waker_registry.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

namespace eddy {

/// A backend turns the readiness of the operating system into events. Every backend keeps this
/// contract, and one conformance suite shows it:
///
/// - `create` opens the kernel's object, or says why it cannot.
/// - `register_source` watches a source under a caller's token, edge-triggered: an event for what
///   is ready now, then one for each change. A source that is registered already: file_exists. One
///   that cannot be watched (a regular file): operation_not_permitted. No direction:
///   invalid_argument.
/// - `reregister` changes token and interest, and reports anew what is ready. One that is not
///   registered: no_such_file_or_directory.
/// - `deregister` must come before the source is closed; no event of it is reported afterwards. One
///   that is not registered: no_such_file_or_directory. It never blocks.
/// - `rearm`, which only a backend without edges of its own has, says that a direction would block:
///   only then is the next event of a direction that was reported due. It may come at once.
/// - `poll` clears `events`, then appends; it returns how many there are. No timeout blocks for
///   ever, zero returns at once, another is rounded up, never down. An interruption by a signal is
///   not seen: the wait goes on with what is left. It may return with no event, after a
///   notification or at the timeout. It is the only one that blocks.
/// - `poll` into a registry is the same, but each event goes to `wake_token` as it is read, without
///   a list between; and it may count notifications among the events.
/// - `register_source`, `reregister`, `rearm` and `deregister` may be called while another thread
///   is in `poll`, which sees the change.
/// - A `Notifier` wakes `poll` from any thread, also after the backend is gone.
/// - `kTellsReuse`: file_exists is said of the very source that is registered already, not of
///   another one that has its number now.
/// - `create_another`, of a backend that is `LeavesOrphans` alone, opens a new kernel object with
///   nothing in it but that notifier.
template <class B>
concept ReactorBackend =
    requires(B& backend, RawSource source, Token token, Interest interest, Events& events,
             WakerRegistry& wakers, std::optional<std::chrono::nanoseconds> timeout,
             const typename B::Notifier& notifier) {
      { B::create() } -> std::same_as<Result<B>>;
      { backend.register_source(source, token, interest) } -> std::same_as<Result<>>;
      { backend.reregister(source, token, interest) } -> std::same_as<Result<>>;
      { backend.deregister(source) } -> std::same_as<Result<>>;
      { backend.poll(events, timeout) } -> std::same_as<Result<std::size_t>>;
      { backend.poll(wakers, timeout) } -> std::same_as<Result<std::size_t>>;
      { backend.create_notifier() } -> std::same_as<Result<typename B::Notifier>>;
      { notifier.notify() } noexcept;
      { B::kShortTransferEndsReadiness } -> std::convertible_to<bool>;
      { B::kTellsReuse } -> std::convertible_to<bool>;
    };

/// A backend without edges of its own.
template <class B>
concept NeedsRearm =
    ReactorBackend<B> && requires(const B& backend, RawSource source, Interest blocked) {
      { backend.rearm(source, blocked) } -> std::same_as<Result<>>;
    };

/// A backend whose registrations can outlive the descriptors that they were made with.
template <class B>
concept LeavesOrphans =
    ReactorBackend<B> && requires(const B& backend, const typename B::Notifier& notifier) {
      { backend.create_another(notifier) } -> std::same_as<Result<B>>;
    };

/// Calls `create_another`, if the backend has it; nothing if it has not, or the kernel refuses.
template <ReactorBackend B>
std::optional<B> create_another_if_needed(const B& backend, const typename B::Notifier& notifier) {
  if constexpr (LeavesOrphans<B>) {
    if (Result<B> another = backend.create_another(notifier)) return std::move(*another);
  }
  return std::nullopt;
}

/// Calls `rearm`, if the backend has it.
template <ReactorBackend B>
[[nodiscard]] Result<> rearm_if_needed(const B& backend, RawSource source, Interest blocked) {
  if constexpr (NeedsRearm<B>) {
    return backend.rearm(source, blocked);
  } else {
    return {};
  }
}

}  // namespace eddy
