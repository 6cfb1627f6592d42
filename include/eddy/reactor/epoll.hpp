// The backend for Linux, on epoll.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/events.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/interest.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/waker_registry.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace eddy {

/// epoll, edge-triggered. The contract is that of `ReactorBackend`.
class EDDY_EXPORT EpollReactor {
 public:
  /// After a read or write that transfers less than was asked for, the kernel will report an edge
  /// when there is more, so the attempt that would say "would block" can be left out.
  static constexpr bool kShortTransferEndsReadiness = true;
  /// What is registered is the open file together with its number.
  static constexpr bool kTellsReuse = true;

  /// A bell that the reactor watches.
  class Notifier {
   public:
    explicit Notifier(Pipe bell) noexcept : bell_(std::move(bell)) {}

    void notify() const noexcept;

   private:
    friend class EpollReactor;

    Pipe bell_;
  };

  [[nodiscard]] static Result<EpollReactor> create();

  [[nodiscard]] Result<> register_source(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> reregister(RawSource source, Token token, Interest interest) const;
  [[nodiscard]] Result<> deregister(RawSource source) const;
  [[nodiscard]] Result<std::size_t> poll(Events& events,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<std::size_t> poll(WakerRegistry& wakers,
                                         std::optional<std::chrono::nanoseconds> timeout) const;
  [[nodiscard]] Result<Notifier> create_notifier() const;
  /// A registration lives as long as the open file, but can be removed only by its number. If
  /// somebody closes the number and keeps a duplicate, the registration is an orphan: it wakes
  /// `poll` for nobody until the last duplicate is closed. Only another epoll is free of it.
  [[nodiscard]] Result<EpollReactor> create_another(const Notifier& notifier) const;

 private:
  explicit EpollReactor(Fd epoll) noexcept : epoll_(std::move(epoll)), forks_(sys::fork_count()) {}

  [[nodiscard]] Result<> watch(const Notifier& notifier) const;
  bool is_the_parents() const noexcept { return forks_ != sys::fork_count(); }
  EDDY_LOCAL void check_process() const noexcept;

  Fd epoll_;
  std::uint32_t forks_;  ///< of the process that opened it; its own share it
};

}  // namespace eddy
