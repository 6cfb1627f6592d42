// The backend for macOS and FreeBSD, on kqueue.
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

namespace detail {
class FilterSet;
}  // namespace detail

/// kqueue, with EV_CLEAR. The contract is that of `ReactorBackend`. Both filters of a source have
/// its token. Each filter reports events of its own.
class EDDY_EXPORT KqueueReactor {
 public:
  /// kqueue has real edges, but FreeBSD reports none for out-of-band data. A read stops short
  /// before the urgent mark. So only "would block" ends readiness.
  static constexpr bool kShortTransferEndsReadiness = false;
  /// Filters belong to the number. Closing it removes them, even if duplicates are open.
  static constexpr bool kTellsReuse = true;

  /// Triggers a user event of the queue. The queue stays open until its last notifier is destroyed.
  class Notifier {
   public:
    explicit Notifier(std::shared_ptr<const detail::FilterSet> filters) noexcept
        : filters_(std::move(filters)) {}

    void notify() const noexcept;

   private:
    std::shared_ptr<const detail::FilterSet> filters_;
  };

  [[nodiscard]] static Result<KqueueReactor> create();

  [[nodiscard]] Result<> register_source(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> reregister(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> deregister(RawSource source) const;
  [[nodiscard]] Result<std::size_t> poll(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<std::size_t> poll(WakerRegistry& wakers,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<Notifier> create_notifier() const;

 private:
  explicit KqueueReactor(std::shared_ptr<detail::FilterSet> filters) noexcept
      : filters_(std::move(filters)) {}

  std::shared_ptr<detail::FilterSet> filters_;
};

}  // namespace eddy
