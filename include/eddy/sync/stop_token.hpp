// Requests to stop, for code that is to be asked instead of cancelled.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/operation.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/stop_token.hpp"
#include "eddy/sync/event.hpp"

#include <optional>
#include <utility>

#if EDDY_HAS_STOP_TOKEN

namespace eddy {

/// Tells whether somebody has asked for a stop, and lets a task wait for that. It is a
/// `std::stop_token`, of a `StopSource` or of any other source, and converts from one. Copies tell
/// the same.
///
/// **Thread**: any.
///
///     std::jthread server([](std::stop_token asked) { eddy::block_on(serve(asked)); });
///
///     eddy::Task<> serve(eddy::StopToken asked) {
///       while (!asked.stop_requested()) {
///         co_await eddy::when_any(step(), asked.stopped());
///       }
///     }
class StopToken final {
 public:
  /// Never tells of a stop.
  StopToken() noexcept = default;
  StopToken(std::stop_token token) noexcept : token_(std::move(token)) {}

  bool stop_requested() const noexcept { return token_.stop_requested(); }
  const std::stop_token& std_token() const noexcept { return token_; }

  /// Waits until a stop is requested: for ever, if the token has no source, or the last source goes
  /// without a request. Whoever finds a stop requested sees everything that came before the
  /// request.
  /// **Cancel**: nothing is lost.
  class [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED StoppedOp final
      : public detail::Operation {
   public:
    explicit StoppedOp(std::stop_token token) noexcept : token_(std::move(token)) {}
    /// It may be moved until it waits.
    StoppedOp(StoppedOp&& other) noexcept : Operation(), token_(std::move(other.token_)) {}
    StoppedOp& operator=(StoppedOp&&) = delete;

    bool try_start() const noexcept { return token_.stop_requested(); }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      request_.emplace(token_, Set{&requested_});
      return wait_.begin_wait(waiter);
    }
    bool advance(detail::Waiter& waiter) noexcept override { return wait_.advance(waiter); }
    void abandon() noexcept override {
      request_.reset();  // first: if it runs on another thread, this waits for its end
      wait_.abandon();
    }
    detail::Waiting describe() const noexcept override { return {"a stop request", kNoSource}; }
    void take() noexcept { abandon(); }

   private:
    struct Set {
      void operator()() const noexcept { event->set(); }

      Event* event;
    };

    std::stop_token token_;
    Event requested_;  ///< set by the request, on the thread that makes it
    Event::WaitOp wait_{requested_};
    std::optional<std::stop_callback<Set>> request_;  ///< last, so that it goes first
  };
  StoppedOp stopped() const noexcept { return StoppedOp(token_); }

 private:
  std::stop_token token_;
};

/// Asks all who have its tokens to stop. A stop cannot be taken back. The tokens may outlive it.
///
/// **Thread**: any.
///
///     eddy::StopSource stop;
///     auto worker = eddy::spawn(work, stop.token());
///     stop.request_stop();
///     (void)co_await worker;  // it ends where it finds it right
class StopSource final {
 public:
  StopSource() = default;
  /// For a part of what `whole` may stop: a request to `whole` is one to this source too, but not
  /// the other way round.
  explicit StopSource(const StopToken& whole) {
    whole_.emplace(whole.std_token(), Forward{source_});
  }
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  /// Wakes all tasks that wait for a stop, and calls each `std::stop_callback` of a token. True if
  /// it is the first request.
  bool request_stop() noexcept { return source_.request_stop(); }
  bool stop_requested() const noexcept { return source_.stop_requested(); }
  StopToken token() const noexcept { return source_.get_token(); }

 private:
  struct Forward {
    void operator()() noexcept { part.request_stop(); }

    std::stop_source part;
  };

  std::stop_source source_;
  std::optional<std::stop_callback<Forward>> whole_;
};

}  // namespace eddy

#endif
