// One value, from one task to another.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/channel_core.hpp"
#include "eddy/sync/channel_state.hpp"
#include "eddy/sync/sent_value.hpp"

#include <concepts>
#include <type_traits>
#include <utility>

namespace eddy {

template <class T>
class OneshotSender;
template <class T>
class OneshotReceiver;

/// A sender and a receiver of one value, such as the answer to a request that goes through a
/// channel. This allocates once. The move constructor of `T` must be noexcept, and must not use
/// channels.
///
///     auto [reply, answer] = eddy::oneshot<int>();
///     (void)reply.send(7);
///     const eddy::Result<int> seven = co_await answer.receive();
template <class T>
std::pair<OneshotSender<T>, OneshotReceiver<T>> oneshot();

/// Sends one value. If it is destroyed before, the receiver gets `Error::closed`.
///
/// **Thread**: one at a time, any.
template <class T>
class OneshotSender final : private detail::SenderHandle {
  static_assert(detail::SentKind<T>::kFits);

 public:
  OneshotSender(OneshotSender&&) noexcept = default;
  OneshotSender& operator=(OneshotSender&&) noexcept = default;
  ~OneshotSender() = default;

  /// Sends `value`. If that fails, `value` is untouched. A second value stops the program.
  /// **Errors**: `Error::closed` if the receiver is gone, or has called `close`.
  [[nodiscard]] Result<> send(T&& value) noexcept {
    if (!state().push_last(value)) return failure(Error::closed);
    (void)this->release();
    return {};
  }
  /// As above, with a copy of `value`.
  [[nodiscard]] Result<> send(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::copy_constructible<T>
  {
    return send(T(value));
  }

  /// Waits until the receiver is gone, or has called `close`: nobody needs the value any more.
  /// Gives nothing. Call it before `send` only.
  /// **Cancel**: nothing is lost.
  detail::ClosedWait closed() noexcept { return detail::ClosedWait(state()); }
  /// Call it before `send` only.
  bool is_closed() const noexcept { return state().closed(); }

 private:
  friend std::pair<OneshotSender<T>, OneshotReceiver<T>> oneshot<T>();
  explicit OneshotSender(detail::ChannelState<T>& state) noexcept : SenderHandle(state) {}

  detail::ChannelState<T>& state() const noexcept {
    if (!this->has_channel()) detail::stop_spent_sender("a OneshotSender");
    return static_cast<detail::ChannelState<T>&>(this->core());
  }
};

/// Receives the value of a `OneshotSender`. The destructor destroys the value if it was sent, but
/// not received. A receiver must live until its operations begin. If it is destroyed while a task
/// waits by it, that wait ends with operation_canceled; if that task is of another thread, the
/// program stops.
///
/// **Thread**: one at a time, any. Tasks of two threads that receive by it at once stop the
/// program.
template <class T>
class OneshotReceiver final : private detail::ReceiverHandle {
 public:
  /// Waits for the value.
  /// **Errors**: `Error::closed` if the sender was destroyed without sending, the value was
  /// received before, or this has called `close`; operation_canceled if the receiver was destroyed.
  /// **Cancel**: nothing is lost. The value is taken only when the task runs.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] ReceiveOp final
      : public detail::ReceiverWait {
   public:
    explicit ReceiveOp(detail::ChannelState<T>& channel) noexcept : ReceiverWait(channel) {}

    Result<T> take() noexcept {
      if (!this->found()) return this->take_failure();
      return static_cast<detail::ChannelState<T>&>(this->core()).pop(this->take_reference());
    }
  };
  ReceiveOp receive() noexcept { return ReceiveOp(state()); }

  /// Takes the value if it has come.
  /// **Errors**: `Error::empty`; `Error::closed` as `receive`.
  [[nodiscard]] Result<T> try_receive() noexcept { return state().try_pop(); }

  /// Refuses a later send. A value that was sent can still be received.
  void close() noexcept { state().close(); }

 private:
  friend std::pair<OneshotSender<T>, OneshotReceiver<T>> oneshot<T>();
  explicit OneshotReceiver(detail::ChannelState<T>& state) noexcept : ReceiverHandle(state) {}

  detail::ChannelState<T>& state() const noexcept {
    return static_cast<detail::ChannelState<T>&>(this->core());
  }
};

template <class T>
std::pair<OneshotSender<T>, OneshotReceiver<T>> oneshot() {
  auto& state = detail::ChannelState<T>::make_bounded(1);
  return {OneshotSender<T>(state), OneshotReceiver<T>(state)};
}

}  // namespace eddy
