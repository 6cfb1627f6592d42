// Queues between tasks: many senders, one receiver.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/channel_core.hpp"
#include "eddy/sync/channel_state.hpp"
#include "eddy/sync/sent_value.hpp"

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {

template <class T>
class Sender;
template <class T>
class UnboundedSender;
template <class T>
class Receiver;

/// A queue of at most `capacity` values: its sender and its receiver. A sender may be copied, the
/// receiver may not. This allocates once; a message allocates nothing. A capacity of zero stops the
/// program. The move constructor of `T` must be noexcept: it runs while other threads wait for the
/// channel. It must not use channels, but it may copy their senders.
///
///     auto [sender, receiver] = eddy::channel<int>(16);
///     auto produce = [](eddy::Sender<int> to) -> eddy::Task<> { (void)co_await to.send(7); };
///     auto producing = eddy::spawn(produce, std::move(sender));
///     while (auto value = co_await receiver.receive()) use(*value);  // until all senders are gone
template <class T>
std::pair<Sender<T>, Receiver<T>> channel(std::size_t capacity);

/// A queue without a limit, whose sender never waits. If the receiver is slower than the senders,
/// it grows until the memory is used up: `channel` is the better choice nearly always. It allocates
/// memory for many values at a time.
///
///     auto [sender, receiver] = eddy::unbounded_channel<int>();
///     (void)sender.send(7);
template <class T>
std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel();

/// A room in a channel, for one value. The destructor gives the room back. A permit counts as a
/// sender: while it lives, the receiver waits for its value.
///
/// **Thread**: one at a time, any.
template <class T>
class [[nodiscard(
    "the room goes back when this is destroyed: send a value by it")]] SendPermit final {
 public:
  SendPermit(SendPermit&& other) noexcept : channel_(std::exchange(other.channel_, nullptr)) {}
  SendPermit& operator=(SendPermit&& other) noexcept {
    if (this != &other) {
      release();
      channel_ = std::exchange(other.channel_, nullptr);
    }
    return *this;
  }
  ~SendPermit() { release(); }

  /// Sends `value`, also after the receiver has closed the channel. If the receiver is gone, the
  /// value is destroyed. A second call stops the program.
  void send(T value) noexcept {
    auto* const channel = std::exchange(channel_, nullptr);
    if (channel == nullptr) detail::stop_spent_sender("a SendPermit");
    channel->push_reserved(value);
  }
  /// Gives the room back now. Does nothing if the permit has none any more.
  void release() noexcept {
    if (auto* const channel = std::exchange(channel_, nullptr)) channel->drop_permit();
  }

 private:
  friend class Sender<T>;
  explicit SendPermit(detail::ChannelState<T>& channel) noexcept : channel_(&channel) {}

  detail::ChannelState<T>* channel_;
};

/// Sends values into a channel. Each copy is a sender of its own. Once all of them are gone, the
/// receiver gets what is left, and then `Error::closed`.
///
/// A sender must live until its operations begin. If it is destroyed while a task waits by it, that
/// task waits on, and its value is sent. A sender that was moved from may only be destroyed or
/// assigned to; any other use of it stops the program.
///
/// **Thread**: any. Tasks of several threads may share a sender, or have a copy each.
template <class T>
class Sender final : private detail::SenderHandle {
  static_assert(detail::SentKind<T>::kFits);

 public:
  /// Sends a value; waits while the channel is full. Tasks get rooms in the order in which they
  /// began to wait.
  /// **Errors**: `Error::closed` if the receiver is gone, or has closed the channel. The value is
  /// destroyed with the operation. To keep the value then, call `reserve` first, or `try_send`.
  /// **Cancel**: the value is in the channel, or is destroyed with the operation, and the caller
  /// cannot tell: after `timeout(limit, sender.send(x))` has failed, `x` may have been sent. If
  /// that matters, put the limit around `reserve`.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] SendOp final
      : public detail::SenderWait {
   public:
    template <class U>
    SendOp(detail::ChannelState<T>& channel,
           U&& value) noexcept(std::is_nothrow_constructible_v<T, U>)
        : SenderWait(channel), value_(std::forward<U>(value)) {}
    SendOp(SendOp&&) noexcept = default;
    /// First of all the wait ends: until then another thread may move the value.
    ~SendOp() { this->give_up(); }

    bool try_start() noexcept {
      auto& channel = static_cast<detail::ChannelState<T>&>(this->core());
      if (channel.looks_full()) return false;
      const detail::WaitState how = channel.try_push(value_);
      if (how == detail::WaitState::none) return false;
      this->set(how);
      return true;
    }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      this->need_values(&value_, 1);
      return SenderWait::begin_wait(waiter);
    }
    Result<> take() noexcept { return detail::result_of_wait(this->finish()); }

   private:
    T value_;
  };
  template <class U = T>
    requires std::convertible_to<U, T>
  SendOp send(U&& value) noexcept(std::is_nothrow_constructible_v<T, U>) {
    detail::refuse_sent_temporary<U>();
    return SendOp(state(), std::forward<U>(value));
  }

  /// Refused: says what to send.
  template <class U>
    requires(!std::convertible_to<U, T>)
  SendOp send(U&&) {
    static_assert(
        std::is_void_v<U>,
        "send(value): the value is none of the channel's type, or cannot be copied; move it "
        "into the channel: sender.send(std::move(value))");
    std::unreachable();
  }

  /// Moves all of `values` into the channel, in order; waits as often as the channel is full. Once
  /// it waits, senders that come later wait until all of it is sent. When the operation has ended,
  /// `values` is what was not sent, untouched. `values`, and what it refers to, must live until
  /// then, and must not change.
  /// **Errors**: as `send`.
  /// **Cancel**: nothing is lost: `values` is what was not sent.
  ///
  ///     std::span<int> values = batch;
  ///     if (!co_await sender.send_all(values)) keep(values);
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] SendAllOp final
      : public detail::SenderWait {
   public:
    SendAllOp(detail::ChannelState<T>& channel, std::span<T>& values) noexcept
        : SenderWait(channel), values_(&values), all_(values) {
      this->need_values(values.data(), values.size());
    }
    SendAllOp(SendAllOp&& other) noexcept
        : SenderWait(std::move(other)),
          values_(std::exchange(other.values_, nullptr)),
          all_(other.all_) {}
    ~SendAllOp() {
      this->give_up();
      note_rest();
    }

    bool try_start() noexcept { return this->try_serve(); }
    void abandon() noexcept override {
      this->give_up();
      note_rest();
    }
    Result<> take() noexcept {
      const detail::WaitState how = this->finish();
      note_rest();
      return detail::result_of_wait(how);
    }

   private:
    void note_rest() noexcept {
      if (std::span<T>* const values = std::exchange(values_, nullptr)) {
        *values = all_.last(this->needed());
      }
    }

    std::span<T>* values_;
    std::span<T> all_;
  };
  SendAllOp send_all(std::span<T>& values) noexcept { return SendAllOp(state(), values); }
  /// Refused: says what to send.
  template <class Values>
    requires(!std::same_as<Values, std::span<T>&>)
  SendAllOp send_all(Values&&) {
    static_assert(std::is_void_v<Values>,
                  "send_all takes a span that has a name, in which it leaves what it has not sent: "
                  "std::span<T> values = vector; co_await sender.send_all(values)");
    std::unreachable();
  }

  /// Waits for a room, and gives it as a `SendPermit<T>`. To send by the permit cannot fail, so no
  /// value is lost on the way.
  /// **Errors**: as `send`.
  /// **Cancel**: nothing is lost. A room that was given to the task goes to the next one.
  ///
  ///     auto permit = co_await sender.reserve();
  ///     if (permit) permit->send(7);
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] ReserveOp final
      : public detail::SenderWait {
   public:
    explicit ReserveOp(detail::ChannelState<T>& channel) noexcept : SenderWait(channel) {
      this->need_permit();
    }
    ReserveOp(ReserveOp&&) noexcept = default;
    ~ReserveOp() { this->give_up(); }

    bool try_start() noexcept { return this->try_serve(); }
    Result<SendPermit<T>> take() noexcept {
      const detail::WaitState how = this->finish();
      if (how != detail::WaitState::granted) return detail::wait_failure(how);
      return SendPermit<T>(static_cast<detail::ChannelState<T>&>(this->core()));
    }
  };
  ReserveOp reserve() noexcept { return ReserveOp(state()); }

  /// Sends `value` if there is room now. If there is none, or the channel is closed, `value` is
  /// untouched. All senders may send before the receiver runs next: if `full` means that the
  /// receiver is slow, give the channel a room for each of them, and some more.
  /// **Errors**: `Error::full`; `Error::closed`.
  [[nodiscard]] Result<> try_send(T&& value) noexcept {
    const detail::WaitState how = state().try_push(value);
    if (how == detail::WaitState::none) return failure(Error::full);
    return detail::result_of_wait(how);
  }
  /// As above, with a copy of `value`.
  [[nodiscard]] Result<> try_send(const T& value) noexcept(std::is_nothrow_copy_constructible_v<T>)
    requires std::copy_constructible<T>
  {
    return try_send(T(value));
  }
  /// Takes a room if one is free now.
  /// **Errors**: `Error::full`; `Error::closed`.
  [[nodiscard]] Result<SendPermit<T>> try_reserve() noexcept {
    const detail::WaitState how = state().try_reserve();
    if (how == detail::WaitState::none) return failure(Error::full);
    if (how != detail::WaitState::granted) return detail::wait_failure(how);
    return SendPermit<T>(state());
  }

  /// Waits until the receiver is gone, or has closed the channel; gives nothing.
  /// **Cancel**: nothing is lost.
  detail::ClosedWait closed() noexcept { return detail::ClosedWait(state()); }
  bool is_closed() const noexcept { return state().closed(); }

  /// How many values are in the channel. Other threads may change that before the caller acts.
  std::size_t size() const noexcept { return state().size(); }
  std::size_t capacity() const noexcept { return state().capacity(); }

 private:
  friend std::pair<Sender<T>, Receiver<T>> channel<T>(std::size_t capacity);
  explicit Sender(detail::ChannelState<T>& state) noexcept : SenderHandle(state) {}

  detail::ChannelState<T>& state() const noexcept {
    return static_cast<detail::ChannelState<T>&>(this->core());
  }
};

/// Sends values into an unbounded channel. As `Sender`, but it never waits for room.
///
/// **Thread**: any.
template <class T>
class UnboundedSender final : private detail::SenderHandle {
 public:
  /// Sends `value`. If the channel is closed, or this throws std::bad_alloc, `value` is untouched.
  /// **Errors**: `Error::closed`.
  [[nodiscard]] Result<> send(T&& value) {
    return detail::result_of_wait(state().push_unbounded(value));
  }
  /// As above, with a copy of `value`.
  [[nodiscard]] Result<> send(const T& value)
    requires std::copy_constructible<T>
  {
    return send(T(value));
  }

  /// As `Sender::closed`.
  detail::ClosedWait closed() noexcept { return detail::ClosedWait(state()); }
  bool is_closed() const noexcept { return state().closed(); }
  std::size_t size() const noexcept { return state().size(); }

 private:
  friend std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel<T>();
  explicit UnboundedSender(detail::ChannelState<T>& state) noexcept : SenderHandle(state) {}

  detail::ChannelState<T>& state() const noexcept {
    return static_cast<detail::ChannelState<T>&>(this->core());
  }
};

/// Receives the values of a channel, in the order in which they were sent. The destructor closes
/// the channel, and destroys the values that are left.
///
/// A receiver must live until its operations begin. If it is destroyed while a task waits by it,
/// that wait ends with operation_canceled; if that task is of another thread, the program stops. A
/// receiver that was moved from may only be destroyed or assigned to; any other use of it stops the
/// program.
///
/// **Thread**: one at a time, any. Tasks of two threads that receive by it at once stop the
/// program.
template <class T>
class Receiver final : private detail::ReceiverHandle {
 public:
  /// Waits for a value. If tasks wait to send, the one that has waited longest sends now. If
  /// several tasks receive, each value goes to the one that runs first.
  /// **Errors**: `Error::closed` if the channel is empty, and all senders and permits are gone or
  /// `close` was called; operation_canceled if the receiver was destroyed.
  /// **Cancel**: nothing is lost. A value is taken only when the task runs.
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

  /// Waits for a value, then appends it to `into` with all others that are there, at most `max`.
  /// Gives their number; 0 at once if `max` is 0. `into` must live until the operation ends. If
  /// `into` cannot grow, this throws what `into` throws, and takes nothing.
  /// **Errors**, **Cancel**: as `receive`.
  ///
  ///     std::vector<int> values;
  ///     const auto count = co_await receiver.receive_many(values, 64);
  template <class Allocator>
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] ReceiveManyOp final
      : public detail::ReceiverWait {
   public:
    ReceiveManyOp(detail::ChannelState<T>& channel, std::vector<T, Allocator>& into,
                  std::size_t max) noexcept
        : ReceiverWait(channel), into_(&into), max_(max) {}

    bool try_start() noexcept { return max_ == 0 || ReceiverWait::try_start(); }
    bool begin_wait(detail::Waiter& waiter) noexcept {
      return max_ != 0 && ReceiverWait::begin_wait(waiter);
    }
    Result<std::size_t> take() {
      if (!this->found()) return this->take_failure();
      const std::size_t count = std::min(max_, this->core().size());
      if (into_->capacity() - into_->size() < count) {
        into_->reserve(std::max(into_->size() + count, 2 * into_->capacity()));
      }
      static_cast<detail::ChannelState<T>&>(this->core())
          .pop_many(*into_, count, this->take_reference());
      return count;
    }

   private:
    std::vector<T, Allocator>* into_;
    std::size_t max_;
  };
  template <class Allocator>
  ReceiveManyOp<Allocator> receive_many(std::vector<T, Allocator>& into, std::size_t max) noexcept {
    return ReceiveManyOp<Allocator>(state(), into, max);
  }

  /// Takes a value if there is one now.
  /// **Errors**: `Error::empty`; `Error::closed` as `receive`.
  [[nodiscard]] Result<T> try_receive() noexcept { return state().try_pop(); }

  /// Refuses all later sends, and those that wait, with `Error::closed`. What is in the channel,
  /// and what is sent by permits, can still be received.
  void close() noexcept { state().close(); }

  /// How many values are in the channel. Senders may change that before the caller acts.
  std::size_t size() const noexcept { return state().size(); }
  /// The largest std::size_t if the channel is unbounded.
  std::size_t capacity() const noexcept { return state().capacity(); }

 private:
  friend std::pair<Sender<T>, Receiver<T>> channel<T>(std::size_t capacity);
  friend std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel<T>();
  explicit Receiver(detail::ChannelState<T>& state) noexcept : ReceiverHandle(state) {}

  detail::ChannelState<T>& state() const noexcept {
    return static_cast<detail::ChannelState<T>&>(this->core());
  }
};

template <class T>
std::pair<Sender<T>, Receiver<T>> channel(std::size_t capacity) {
  if (capacity == 0) detail::stop_without_room();
  auto& state = detail::ChannelState<T>::make_bounded(capacity);
  return {Sender<T>(state), Receiver<T>(state)};
}

template <class T>
std::pair<UnboundedSender<T>, Receiver<T>> unbounded_channel() {
  auto& state = detail::ChannelState<T>::make_unbounded();
  return {UnboundedSender<T>(state), Receiver<T>(state)};
}

}  // namespace eddy
