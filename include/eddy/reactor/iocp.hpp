// The backend for Windows, on AFD polls that complete on an I/O completion port.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/events.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/reactor/waker_registry.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

namespace eddy {

namespace sys {
class CompletionPort;
}  // namespace sys

namespace detail {
class PollSet;
}  // namespace detail

/// AFD polls and a completion port. The contract is that of `ReactorBackend`.
///
/// The driver has no edges: a poll completes once, when one of its events holds. So a direction
/// that was reported is not polled again until `rearm`, which says that an attempt in that
/// direction would block.
class EDDY_EXPORT IocpReactor {
 public:
  /// No edge follows a short transfer. Another attempt must find out that it would block, and start
  /// a poll. That poll completes at once if something is ready by then, so nothing is lost.
  static constexpr bool kShortTransferEndsReadiness = false;
  /// A poll belongs to the socket, but nothing tells whether a handle is still that socket's.
  static constexpr bool kTellsReuse = false;

  /// Posts to the port, which lives as long as its last notifier.
  class Notifier {
   public:
    explicit Notifier(std::shared_ptr<sys::CompletionPort> port) noexcept
        : port_(std::move(port)) {}

    void notify() const noexcept;

   private:
    std::shared_ptr<sys::CompletionPort> port_;
  };

  [[nodiscard]] static Result<IocpReactor> create();
  IocpReactor(IocpReactor&&) noexcept;
  IocpReactor& operator=(IocpReactor&&) noexcept;
  ~IocpReactor();

  [[nodiscard]] Result<> register_source(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> reregister(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> rearm(RawSource source, Interest blocked) const;
  [[nodiscard]] Result<> deregister(RawSource source) const;
  [[nodiscard]] Result<std::size_t> poll(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<std::size_t> poll(WakerRegistry& wakers,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<Notifier> create_notifier() const;

 private:
  explicit IocpReactor(std::unique_ptr<detail::PollSet> polls) noexcept;

  std::unique_ptr<detail::PollSet> polls_;
};

}  // namespace eddy
