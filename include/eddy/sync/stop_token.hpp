// Requests to stop, for code that is to be asked instead of cancelled.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/core/list.hpp"
#include "eddy/core/operation.hpp"
#include "eddy/core/spin_flag.hpp"
#include "eddy/core/waiter.hpp"
#include "eddy/platform/export.hpp"
#include "eddy/platform/raw_source.hpp"
#include "eddy/platform/stop_token.hpp"
#include "eddy/sync/event.hpp"

#include <atomic>
#include <concepts>
#include <memory>
#include <optional>
#include <utility>

namespace eddy {

namespace detail {

class StopState;

/// What a stop state tells of its request besides tasks: the standard library's stop state. The
/// library knows it only as this: whether there is a `std::stop_token` is up to how the user's code
/// is compiled.
class StopPeer {
 public:
  StopPeer() noexcept = default;
  StopPeer(const StopPeer&) = delete;
  StopPeer& operator=(const StopPeer&) = delete;
  virtual ~StopPeer() = default;

  /// Any thread, more than once.
  virtual void request() noexcept = 0;
};

/// A source of a part, in the list of the whole.
struct StopPart : ListNode {
  std::shared_ptr<StopState> state;  ///< of the part
};

/// What a source and its tokens share.
///
/// **Thread**: any.
class StopState final {
 public:
  StopState() noexcept = default;
  StopState(const StopState&) = delete;
  StopState& operator=(const StopState&) = delete;
  ~StopState() = default;

  /// The caller keeps the state: what this wakes may drop it. True for the first request.
  EDDY_EXPORT bool request() noexcept;
  bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  /// Set by the request.
  Event& event() noexcept { return event_; }

  /// From now on a request is one to `part` too. If there was one, `part` has it at once.
  EDDY_EXPORT void add(StopPart& part) noexcept;
  EDDY_EXPORT void remove(StopPart& part) noexcept;

  /// The peer, which `make` makes if there is none yet. It has the request, if there was one.
  EDDY_EXPORT StopPeer& peer(std::unique_ptr<StopPeer> (*make)());
  /// Before the state is shared.
  void set_peer(std::unique_ptr<StopPeer> peer) noexcept { peer_ = std::move(peer); }

 private:
  Event event_;
  std::atomic<bool> requested_{false};
  SpinFlag<> flag_;  ///< guards what follows
  ListNode parts_;   ///< of `StopPart`
  std::unique_ptr<StopPeer> peer_;
};

}  // namespace detail

/// Tells whether a stop was requested, and lets a task wait for the request. A token belongs to a
/// `StopSource`, or is made from a `std::stop_token`. All copies give the same answer.
///
/// **Thread**: any.
///
///     eddy::Task<> serve(eddy::StopToken asked) {
///       while (!asked.stop_requested()) {
///         co_await eddy::when_any(step(), asked.stopped());
///       }
///     }
///
/// On a thread of its own:
///
///     std::jthread server([](std::stop_token asked) { eddy::block_on(serve(asked)); });
class StopToken final {
 public:
  /// Never tells of a stop.
  StopToken() noexcept = default;

#if EDDY_HAS_STOP_TOKEN
  /// Has one `std::stop_callback`, for all copies of it. With libstdc++ 12 on a system without
  /// futexes, such as Windows, the thread that drops the last copy may hang if another thread
  /// requests the stop in that very moment: there the wait for the end of a callback can miss it.
  template <std::same_as<std::stop_token> Token>
  StopToken(Token token);
  /// A token of the standard library that tells the same. It is made by the first call, which may
  /// throw std::bad_alloc.
  template <class Token = std::stop_token>
  Token std_token() const;
#endif

  bool stop_requested() const noexcept { return state_ != nullptr && state_->requested(); }

  /// Waits until a stop is requested: for ever, if the token has no source, or the last source goes
  /// without a request. Whoever finds a stop requested sees everything that came before the
  /// request. The token may go meanwhile.
  /// **Cancel**: nothing is lost.
  class EDDY_EXPORT [[nodiscard(
      "nothing happens until it is awaited: write co_await")]] EDDY_WARN_UNUSED StoppedOp final
      : public detail::Operation {
   public:
    explicit StoppedOp(std::shared_ptr<detail::StopState> state) noexcept
        : state_(std::move(state)) {
      if (state_ != nullptr) wait_.emplace(state_->event());
    }
    /// It may be moved until it waits.
    StoppedOp(StoppedOp&&) noexcept = default;
    StoppedOp& operator=(StoppedOp&&) = delete;
    ~StoppedOp() = default;

    bool try_start() const noexcept { return state_ != nullptr && state_->requested(); }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      return !wait_.has_value() || wait_->begin_wait(waiter);
    }
    bool advance(detail::Waiter& waiter) noexcept override;
    void abandon() noexcept override;
    detail::Waiting describe() const noexcept override { return {"a stop request", kNoSource}; }
    void take() noexcept { abandon(); }

   private:
    std::shared_ptr<detail::StopState> state_;
    std::optional<Event::WaitOp>
        wait_;  ///< declared last, so that it is destroyed first: it refers to the state
  };
  StoppedOp stopped() const noexcept { return StoppedOp(state_); }

 private:
  friend class StopSource;

  explicit StopToken(std::shared_ptr<detail::StopState> state) noexcept
      : state_(std::move(state)) {}

  std::shared_ptr<detail::StopState> state_;  ///< null: there will be no stop
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
  EDDY_EXPORT StopSource();
  /// For a part of what `whole` stops: a request to `whole` stops this source too. A request to
  /// this source does not stop `whole`. May throw std::bad_alloc, as the other constructor may.
  EDDY_EXPORT explicit StopSource(const StopToken& whole);
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;
  EDDY_EXPORT ~StopSource();

  /// Wakes all tasks that wait for a stop, asks the parts, and calls each `std::stop_callback` of a
  /// token. True if it is the first request.
  bool request_stop() noexcept {
    const std::shared_ptr<detail::StopState> kept = part_.state;  // what is woken may end *this
    return kept->request();
  }
  bool stop_requested() const noexcept { return part_.state->requested(); }
  StopToken token() const noexcept { return StopToken(part_.state); }

 private:
  detail::StopPart part_;
  std::shared_ptr<detail::StopState> whole_;
};

#if EDDY_HAS_STOP_TOKEN

namespace detail {

/// What the standard library has of a stop state. A template, so that only who uses it pays for it
/// when compiling.
template <class Token>
class StdStop final : public StopPeer {
 public:
  /// To be requested with the state.
  StdStop() : token_(source_.get_token()) {}
  /// A request to `token` is one to the state, once `follow` was called.
  explicit StdStop(Token token) noexcept : source_(std::nostopstate), token_(std::move(token)) {}

  static std::unique_ptr<StopPeer> make() { return std::make_unique<StdStop>(); }

  const Token& token() const noexcept { return token_; }
  void request() noexcept override { source_.request_stop(); }

  void follow(const std::shared_ptr<StopState>& state) {
    callback_.emplace(token_, Callback{this, state});
    // From now on the callback destroys itself: then no thread needs to wait for its end.
    made_.store(true, std::memory_order_release);
  }

 private:
  struct Callback {
    void operator()() const noexcept {
      const std::shared_ptr<StopState> kept = state.lock();
      if (kept == nullptr) return;  // the last token goes: that waits for the end of this call
      if (stop->made_.load(std::memory_order_acquire)) stop->callback_.reset();
      // `*this` is gone
      kept->request();
    }

    StdStop* stop;
    std::weak_ptr<StopState> state;
  };

  std::stop_source source_;
  Token token_;
  std::atomic<bool> made_{false};
  std::optional<std::stop_callback<Callback>> callback_;
};

}  // namespace detail

template <std::same_as<std::stop_token> Token>
StopToken::StopToken(Token token) {
  if (!token.stop_possible()) return;
  auto peer = std::make_unique<detail::StdStop<Token>>(std::move(token));
  detail::StdStop<Token>& stop = *peer;
  state_ = std::make_shared<detail::StopState>();
  state_->set_peer(std::move(peer));
  stop.follow(state_);
}

template <class Token>
Token StopToken::std_token() const {
  if (state_ == nullptr) return {};
  return static_cast<detail::StdStop<Token>&>(state_->peer(&detail::StdStop<Token>::make)).token();
}

#endif

}  // namespace eddy
