// Signals of the operating system as something to await.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/export.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/task.hpp"

#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace eddy {

/// Listens for a set of signals (numbers of <csignal>).
///
/// Any number of sets, on any threads, may listen for one signal, and each gets it. The first set
/// installs the library's handler. The last set, when it is destroyed, restores the previous
/// handler; but a handler that somebody else has installed meanwhile stays. The library's handler
/// runs on the alternate stack of threads that have one (sigaltstack). A signal that comes several
/// times between two calls of `next` is reported once. None is lost.
///
/// **Thread**: that of its first wait.
class EDDY_EXPORT SignalSet {
 public:
  /// **Errors**: invalid_argument for a number that is no signal, cannot be caught (SIGKILL,
  /// SIGSTOP), or is raised by a fault, which would repeat for ever (SIGSEGV, SIGBUS, SIGFPE,
  /// SIGILL); too_many_files_open.
  [[nodiscard]] static Result<SignalSet> create(std::initializer_list<int> signal_numbers) {
    return create(std::span(signal_numbers.begin(), signal_numbers.size()));
  }
  [[nodiscard]] static Result<SignalSet> create(std::span<const int> signal_numbers);

  SignalSet(SignalSet&&) noexcept = default;
  SignalSet& operator=(SignalSet&& other) noexcept;
  ~SignalSet();

  class [[nodiscard("nothing happens until it is awaited: write co_await")]] NextOp final
      : public detail::Operation {
   public:
    static constexpr detail::OperationTraits kTraits{.refers_to_others = true};

    explicit NextOp(SignalSet& set) noexcept : set_(&set) {}

    bool try_start() noexcept;
    bool begin_wait(detail::Waiter& waiter) noexcept;
    bool advance(detail::Waiter& waiter) noexcept override;
    detail::Waiting describe() const noexcept override { return {"a signal", set_->source_.raw()}; }
    Result<int> take() noexcept;

   private:
    SignalSet* set_;
    std::error_code error_;
  };

  /// Gives the number of the next signal as `Result<int>`.
  /// **Errors**: operation_canceled if the set is destroyed during the wait, or was moved from;
  /// not_enough_memory and the like if the kernel cannot register the set's descriptor.
  /// **Cancel**: nothing is lost: the next call gets the signal.
  NextOp next() noexcept { return NextOp(*this); }

 private:
  struct Listened {
    int signal_number;
    std::uint64_t seen;  ///< the number of signals that had come when `next` last gave one
  };

  explicit SignalSet(IoSource source) noexcept : source_(std::move(source)) {}

  EDDY_LOCAL bool listens_to(int signal_number) const noexcept;
  EDDY_LOCAL Listened* find_pending() noexcept;
  EDDY_LOCAL void release_all() noexcept;

  IoSource source_;
  std::vector<Listened> listened_;
};

/// Completes at the next SIGINT (Ctrl-C). Then, if nothing else listens, the signal does again what
/// it did before: so a second Ctrl-C ends a program that hangs.
/// **Errors**: those of `SignalSet::create`.
/// **Cancel**: nothing is lost.
EDDY_EXPORT Task<Result<>> ctrl_c();

}  // namespace eddy
