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
#include <utility>

namespace eddy {

namespace detail {

inline void disown(Fd& fd) noexcept { static_cast<void>(fd.release()); }
inline void disown(Pipe& pipe) noexcept {
  disown(pipe.reader);
  disown(pipe.writer);
}

/// Descriptors that only the process that opened them closes. The child of a fork cannot tell
/// whether it has closed the inherited numbers already, and has reused them.
template <class T>
class OfProcess {
 public:
  explicit OfProcess(T opened) noexcept : opened_(std::move(opened)), forks_(sys::fork_count()) {}
  OfProcess(OfProcess&&) noexcept = default;
  OfProcess& operator=(OfProcess&& other) noexcept {
    if (is_the_parents()) disown(opened_);
    opened_ = std::move(other.opened_);
    forks_ = other.forks_;
    return *this;
  }
  ~OfProcess() {
    if (is_the_parents()) disown(opened_);
  }

  bool is_the_parents() const noexcept { return forks_ != sys::fork_count(); }
  const T& operator*() const noexcept { return opened_; }
  const T* operator->() const noexcept { return &opened_; }

 private:
  T opened_;
  std::uint32_t forks_;
};

}  // namespace detail

/// epoll, edge-triggered. The contract is that of `ReactorBackend`.
class EDDY_EXPORT EpollReactor {
 public:
  /// After a read or write that moves less than was asked for, the kernel reports an edge when more
  /// can be moved. So the attempt that would get "would block" can be left out.
  static constexpr bool kShortTransferEndsReadiness = true;
  /// epoll registers the open file together with its number.
  static constexpr bool kTellsReuse = true;

  /// A bell that the reactor watches.
  class Notifier {
   public:
    explicit Notifier(Pipe bell) noexcept : bell_(std::move(bell)) {}

    void notify() const noexcept;

   private:
    friend class EpollReactor;

    detail::OfProcess<Pipe> bell_;
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
  /// A registration lives as long as the open file, but can be removed only under its number. If
  /// somebody closes the number and keeps a duplicate, the registration is an orphan: it wakes
  /// `poll` for nobody until the last duplicate is closed. Only a new epoll is free of it.
  [[nodiscard]] Result<EpollReactor> create_another(const Notifier& notifier) const;

 private:
  explicit EpollReactor(Fd epoll) noexcept : epoll_(std::move(epoll)) {}

  [[nodiscard]] Result<> watch(const Notifier& notifier) const;
  EDDY_LOCAL void check_process() const noexcept;

  detail::OfProcess<Fd> epoll_;
};

}  // namespace eddy
