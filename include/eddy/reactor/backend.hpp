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
/// contract, and one conformance suite tests it:
///
/// - `create` opens the kernel object, or gives the kernel's error.
/// - `register_source` watches a source under a caller's token, edge-triggered: it reports what is
///   ready now, then each change. Errors: file_exists if the source is registered already;
///   operation_not_permitted if the kernel cannot watch it (a regular file); invalid_argument if
///   the interest is empty.
/// - `reregister` changes token and interest, and reports anew what is ready. Error:
///   no_such_file_or_directory if the source is not registered.
/// - `deregister` must be called before the source is closed. No event of the source is reported
///   afterwards. It never blocks. Error: no_such_file_or_directory if the source is not registered.
/// - `rearm` exists only in a backend without edges of its own. Such a backend reports a direction
///   once, and again only after `rearm`, which says that an attempt in that direction would block.
///   The next event may come at once.
/// - `poll` clears `events`, appends what is ready, and returns the number of events. Without a
///   timeout it waits for ever; with zero it returns at once; any other timeout is rounded up. If a
///   signal interrupts it, it waits for the rest. It may return no event, after a notification or
///   at the timeout. No other function blocks.
/// - `poll` into a registry gives each event to `wake_token` as it reads it, and makes no list. Its
///   count may include notifications.
/// - `register_source`, `reregister`, `rearm` and `deregister` may be called while another thread
///   is in `poll`, which sees the change.
/// - A `Notifier` wakes `poll` from any thread. It may be used after the backend is destroyed.
/// - `kTellsReuse`: file_exists means that this very source is registered already, not an earlier
///   source that had the same number.
/// - `create_another` exists only in a backend that is `LeavesOrphans`. It opens a new kernel
///   object that watches only the given notifier.
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

/// Calls `create_another`, if the backend has it. Null if it has not, or if the kernel refuses.
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
