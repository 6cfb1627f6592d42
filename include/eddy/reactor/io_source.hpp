// A descriptor that the thread's reactor watches.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/platform/assert.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/fd.hpp"
#include "eddy/platform/result.hpp"
#include "eddy/platform/small_result.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/platform_reactor.hpp"
#include "eddy/reactor/waker_registry.hpp"

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace eddy {

class Reactor;
class IoSource;

namespace detail {

class SourceAccess;

/// The base of operations that wait on a source of others. Such an `Op` has `try_start`,
/// `begin_wait`, and `fail(error)`, which notes why it is complete.
class EDDY_EXPORT SourceOperation : public Operation {
 public:
  static constexpr OperationTraits kTraits{.refers_to_others = true};

 protected:
  explicit SourceOperation(IoSource& source) noexcept : source_(&source) {}
  SourceOperation(const SourceOperation&) noexcept = default;
  SourceOperation& operator=(const SourceOperation&) noexcept = default;
  ~SourceOperation() = default;

  SourceAccess source() const noexcept;
  /// For the system call of a source that is ready.
  RawSource raw() const noexcept;

  /// What `begin_wait` does.
  template <class Op>
  static bool begin_wait_of(Op& op, Direction direction, Waiter& waiter) noexcept {
    const sys::Status waiting = op.source().wait(direction, waiter);
    if (!waiting) [[unlikely]] {
      op.fail(waiting.error());
    }
    return waiting.has_value();
  }
  /// What `advance` does. If the source is gone (closed, given up, lost), `op` ends as cancelled.
  template <class Op>
  static bool advance_of(Op& op, Waiter& waiter) noexcept {
    if (!waiter.unwatch()) {
      op.fail(std::make_error_code(std::errc::operation_canceled));
      return true;
    }
    return op.try_start() || !op.begin_wait(waiter);
  }

  IoSource* source_;
};

/// Waits until an I/O source may be used in one direction; `co_await` gives `Result<>`.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] ReadinessOp final
    : public SourceOperation {
 public:
  ReadinessOp(IoSource& source, Direction direction, bool verify) noexcept
      : SourceOperation(source), direction_(direction), verify_(verify) {}

  bool try_start() noexcept;
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  Waiting describe() const noexcept override;
  Result<> take() noexcept {
    if (error_ != 0) return std::unexpected(sys::error_of(error_));
    return {};
  }

 private:
  friend SourceOperation;
  void fail(std::error_code error) noexcept { error_ = sys::number_of(error); }
  bool confirm_ready() noexcept;
  bool is_ready_unwatched() noexcept;
  bool ask_kernel() noexcept;

  int error_ = 0;
  Direction direction_;
  bool verify_;
};

/// Marks a descriptor as non-blocking without asking the kernel: eddy has opened it so.
struct KnownNonblocking {};
inline constexpr KnownNonblocking kKnownNonblocking;

/// Returns `fd`, or stops the program if it is a blocking descriptor. `what` names, for the
/// message, the object that it was given to.
Fd refuse_blocking(Fd fd, const char* what) noexcept;

/// Waits until both directions of a connection have ended; `co_await` gives `Result<>`.
class EDDY_EXPORT
    [[nodiscard("nothing happens until it is awaited: write co_await")]] ClosedOp final
    : public SourceOperation {
 public:
  explicit ClosedOp(IoSource& source) noexcept : SourceOperation(source) {}

  bool try_start() noexcept;
  bool begin_wait(Waiter& waiter) noexcept;
  bool advance(Waiter& waiter) noexcept override;
  Waiting describe() const noexcept override;
  Result<> take() noexcept {
    if (error_ != 0) return std::unexpected(sys::error_of(error_));
    return {};
  }

 private:
  friend SourceOperation;
  void fail(std::error_code error) noexcept { error_ = sys::number_of(error); }

  int error_ = 0;
};

}  // namespace detail

/// Owns a descriptor and its registration with the reactor of the thread that first waits on it.
///
/// The source is registered once, at its first wait, for both directions. The registration is never
/// changed, and is removed before the descriptor is closed. Several tasks may wait in one
/// direction; an edge wakes them all. When the source is closed or destroyed, their waits end with
/// operation_canceled. Operations on a source that was closed or moved from end so too. To move a
/// source while a task waits on it stops the program.
///
/// A library that lends its descriptor may close it, and the number may become another
/// descriptor's. If that one is registered too, the older source is *lost*. Its waits end with
/// operation_canceled. Later waits and calls end with bad_file_descriptor. A lost source neither
/// deregisters nor closes the number.
///
/// **Thread**: after its first wait, only that thread's. A wait on another thread stops the
/// program; in builds with debug checks every operation on another thread does.
class EDDY_EXPORT IoSource {
 public:
  /// `fd` must be non-blocking: a call that blocks would stop every task. The first wait checks
  /// this, and stops the program if `fd` is blocking. (Windows cannot tell.)
  explicit IoSource(Fd fd) noexcept : fd_(std::move(fd)) {}
  IoSource(Fd fd, detail::KnownNonblocking) noexcept : fd_(std::move(fd)), home_id_(kNonblocking) {}
  IoSource(IoSource&& other) noexcept;
  IoSource& operator=(IoSource&& other) noexcept;
  ~IoSource() { close(); }

  /// Completes when the descriptor is readable: it has data, the end of the stream, or an error.
  /// It asks the kernel first, so it never completes for an empty pipe. It is for system calls of
  /// your own on `raw()`; the operations of eddy's sockets do not need it.
  /// **Errors**: operation_canceled if the source is closed, or lost during the wait;
  /// bad_file_descriptor if it was lost before; file_exists if another source has registered this
  /// very descriptor; operation_not_permitted if the kernel cannot watch it; not_enough_memory,
  /// no_space_on_device if the kernel has no room for the registration.
  /// **Cancel**: nothing is lost.
  detail::ReadinessOp readable() noexcept { return {*this, Direction::read, true}; }
  /// As `readable`, for writing.
  detail::ReadinessOp writable() noexcept { return {*this, Direction::write, true}; }

  /// Deregisters and closes now. Waiting operations and later ones end with operation_canceled.
  void close() noexcept;
  /// Deregisters and gives the descriptor to the caller; an empty `Fd` if the source was lost.
  [[nodiscard]] Fd into_fd() noexcept;

  /// The descriptor; `kNoSource` once it was closed, given up, moved from or lost.
  RawSource raw() const noexcept;
  /// True once it was closed, given up or moved from.
  bool is_closed() const noexcept { return !fd_; }
  /// What an operation reports if its system call has failed with `error`. On a closed source that
  /// is operation_canceled, as for the operations that waited when it was closed.
  std::error_code error_of_call(std::error_code error) const noexcept {
    if (is_lost()) return std::make_error_code(std::errc::bad_file_descriptor);
    return is_closed() ? std::make_error_code(std::errc::operation_canceled) : error;
  }

  /// True from the first wait on. Before it, the readiness is not known.
  bool is_registered() const noexcept { return slot_ != nullptr; }

 private:
  void check_user() const noexcept;
  void note_shutdown(ShutdownHow how) noexcept;
  sys::Status wait(Direction direction, detail::Waiter& waiter) noexcept;
  EDDY_LOCAL sys::Status wait_for_the_first_time(Direction direction,
                                                 detail::Waiter& waiter) noexcept;
  EDDY_LOCAL void check_thread() const noexcept;
  bool is_known_nonblocking() const noexcept { return home_id_ == kNonblocking; }
  bool may_be_asked() const noexcept;
  /// False for a source of another thread: its slot cannot be read.
  bool is_lost() const noexcept;
  [[nodiscard]] Result<> register_with_thread() noexcept;
  EDDY_LOCAL void deregister() noexcept;
  EDDY_LOCAL void check_unwaited() const noexcept;

  friend class detail::ReadinessOp;
  friend class detail::SourceAccess;

  static constexpr std::uint32_t kNonblocking = UINT32_MAX;

  Fd fd_;
  /// The id of the home whose reactor has the registration. Before the registration:
  /// `kNonblocking`, or 0 if the mode of the descriptor is not known.
  std::uint32_t home_id_ = 0;
  detail::Slot* slot_ = nullptr;
};

namespace detail {

/// What an operation of eddy's own does with a source: it asks `is_ready`, then has `attempt` make
/// its system call, and if that would block, `wait`s.
class SourceAccess {
 public:
  explicit SourceAccess(IoSource& source) noexcept : source_(&source) {}

  /// False if an attempt is known to block.
  bool is_ready(Direction direction) const noexcept {
    if constexpr (kDebugChecks) check_user();
    return slot() == nullptr || (*slot())[direction].ready();
  }
  /// `IoSource::raw` for the system call after `is_ready`: a source that is ready is not lost.
  RawSource raw_of_ready() const noexcept { return source_->fd_.raw(); }
  /// Makes the system call `call()`, and returns what it gives. A call that would block ends
  /// readiness, unless an edge has come since the call began.
  ///
  /// So does, where edges are real, a transfer of fewer bytes than `wanted`: there was no more. Not
  /// one of no bytes, the end of the stream: no edge would follow. A `wanted` of 0 is never short.
  template <class Call>
  [[gnu::always_inline]] auto attempt(Direction direction, Call&& call,
                                      std::size_t wanted = 0) const noexcept {
    const std::uint64_t mark = slot() == nullptr ? 0 : WakerRegistry::mark(*slot(), direction);
    auto result = call();
    if (result) {
      if constexpr (requires { *result < wanted; }) {
        if (*result < wanted && *result != 0) note_short_transfer(direction, mark);
      }
    } else if (slot() != nullptr && sys::is(result.error(), std::errc::operation_would_block)) {
      WakerRegistry::clear_ready(*slot(), direction, mark);
    }
    return result;
  }
  /// True if the kernel has reported, since the first wait, that both directions have ended.
  bool is_hung_up() const noexcept {
    if constexpr (kDebugChecks) check_user();
    return slot() != nullptr && slot()->hung_up();
  }
  /// Notes that this side has shut directions down. Where no edge follows, wakes the waiters.
  void note_shutdown(ShutdownHow how) const noexcept { source_->note_shutdown(how); }
  /// Stops the program on another thread than the one that first waited on the source.
  void check_user() const noexcept { source_->check_user(); }
  /// Links `waiter`, which the next edge wakes. Registers the source if it is not registered yet.
  sys::Status wait(Direction direction, Waiter& waiter) const noexcept {
    return source_->wait(direction, waiter);
  }
  std::error_code error_of_call(std::error_code error) const noexcept {
    return source_->error_of_call(error);
  }

 private:
  Slot* slot() const noexcept { return source_->slot_; }
  void note_short_transfer(Direction direction, std::uint64_t mark) const noexcept {
    if constexpr (PlatformReactor::kShortTransferEndsReadiness) {
      if (slot() != nullptr) (*slot())[direction].clear_if_edges_tell(mark);
    }
  }

  IoSource* source_;
};

inline SourceAccess SourceOperation::source() const noexcept { return SourceAccess(*source_); }
inline RawSource SourceOperation::raw() const noexcept { return source().raw_of_ready(); }

}  // namespace detail

inline bool detail::ReadinessOp::try_start() noexcept {
  return source().is_ready(direction_) && confirm_ready();
}

inline bool detail::ClosedOp::try_start() noexcept { return source().is_hung_up(); }

inline bool detail::ReadinessOp::confirm_ready() noexcept {
  // A source that never waited has no readiness bit that a failed attempt could clear. If this gave
  // true for it, the caller would spin.
  return verify_ ? source_->may_be_asked() && ask_kernel() : source_->is_registered();
}

}  // namespace eddy
