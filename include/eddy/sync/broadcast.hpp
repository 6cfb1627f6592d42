// Values for all receivers.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/feed_core.hpp"
#include "eddy/sync/feed_values.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace eddy {

template <class T>
class BroadcastSender;
template <class T>
class BroadcastReceiver;

namespace detail {

/// The last `capacity` values.
template <class T>
class BroadcastState final : public FeedValues<T> {
 public:
  using Node = FeedNode<T>;

  explicit BroadcastState(std::size_t capacity)
      : values_(std::make_unique<Node*[]>(capacity)), capacity_(capacity) {}

  std::size_t capacity() const noexcept { return capacity_; }

  /// Gives the number of receivers. If this throws, `value` is untouched.
  std::size_t send(T& value) {
    if (this->receivers() == 0) return 0;
    Node& node = this->make_node(value);
    Node* ended = nullptr;
    std::size_t receivers = 0;
    {
      SharedLock held(this->flag_);
      receivers = this->receivers_;
      if (receivers == 0) {
        ended = &node;
      } else {
        if (this->latest() - oldest_ == capacity_) ended = take_oldest();
        place_of(this->latest()) = &node;
        this->note_value(held);
      }
    }
    if (ended != nullptr) this->end_node(*ended);
    return receivers;
  }

  /// The next value for `subscription`; there is one.
  [[nodiscard]] Result<T> receive(Subscription& subscription) {
    Node* node = nullptr;
    {
      const SharedLock held(this->flag_);
      if (subscription.position < oldest_) {
        subscription.missed = oldest_ - subscription.position;
        subscription.position = oldest_;
        return failure(Error::lagged);
      }
      node = place_of(subscription.position);
      ++node->references;
    }
    const typename FeedValues<T>::Pin pin(*this, *node);
    auto copied = Result<T>(std::in_place, std::as_const(*node->value()));
    ++subscription.position;
    return copied;
  }

 private:
  ~BroadcastState() = default;

  Node*& place_of(std::uint64_t number) noexcept { return values_[number % capacity_]; }
  /// With the flag held. Gives the node if nobody copies its value.
  Node* take_oldest() noexcept {
    Node* const node = place_of(oldest_++);
    return this->release(*node) ? node : nullptr;
  }
  void drop_values() noexcept override {
    for (;;) {
      Node* ended = nullptr;
      {
        const SharedLock held(this->flag_);
        if (oldest_ == this->latest() || this->receivers_ != 0) return;
        ended = take_oldest();
      }
      if (ended != nullptr) this->end_node(*ended);
    }
  }
  void destroy() noexcept override { delete this; }

  std::unique_ptr<Node*[]> values_;
  std::size_t capacity_;
  std::uint64_t oldest_ = 0;  ///< the number of the oldest value that is still there
};

}  // namespace detail

/// A sender and a receiver of values that go to every receiver. The last `capacity` values are
/// kept: a receiver that is slower misses the older ones. A capacity of zero stops the program. The
/// move constructor of `T` must be noexcept.
///
///     auto [news, first] = eddy::broadcast<std::string>(16);
///     auto second = news.subscribe();
///     (void)news.send("rain");
///     const auto rain = co_await second.receive();
template <class T>
std::pair<BroadcastSender<T>, BroadcastReceiver<T>> broadcast(std::size_t capacity) {
  if (capacity == 0) detail::stop_broadcast_without_room();
  BroadcastSender<T> sender(*new detail::BroadcastState<T>(capacity));
  BroadcastReceiver<T> receiver = sender.subscribe();
  return {std::move(sender), std::move(receiver)};
}

/// Sends values to all receivers. Each copy is a sender of its own. Once all of them are gone, each
/// receiver gets what is left, and then `Error::closed`. A sender that was moved from must not be
/// used.
///
/// **Thread**: any. Tasks of several threads may share a sender, or have a copy each.
template <class T>
class BroadcastSender final : private detail::FeedSender {
 public:
  /// Sends `value`, without waiting. If `capacity` values are there, the oldest goes. Gives the
  /// number of receivers; if that is zero, `value` is not kept. May throw std::bad_alloc.
  std::size_t send(T value) { return state().send(value); }
  /// A receiver of all values that are sent from now on.
  BroadcastReceiver<T> subscribe() { return BroadcastReceiver<T>(*state().subscribe()); }

  /// How many receivers there are. Other threads may change that before the caller acts.
  std::size_t receivers() const noexcept { return state().receivers(); }
  std::size_t capacity() const noexcept { return state().capacity(); }

 private:
  friend std::pair<BroadcastSender<T>, BroadcastReceiver<T>> broadcast<T>(std::size_t capacity);
  explicit BroadcastSender(detail::BroadcastState<T>& state) noexcept : FeedSender(state) {}

  detail::BroadcastState<T>& state() const noexcept {
    return static_cast<detail::BroadcastState<T>&>(this->core());
  }
};

/// Receives a copy of every value that was sent since it subscribed. A copy of a receiver goes on
/// from the same place. Values are destroyed when they are too old, or the last receiver goes.
///
/// A receiver must live until its operations begin. If it is destroyed while a task waits by it,
/// that wait ends with operation_canceled; if that task is of another thread, the program stops. A
/// receiver that was moved from may only be destroyed or assigned to; any other use of it stops the
/// program.
///
/// **Thread**: one at a time, any. Tasks of two threads that receive by it at once stop the
/// program. Other receivers may be on other threads.
template <class T>
class BroadcastReceiver final : private detail::FeedReceiver {
 public:
  /// Waits for the next value.
  /// **Errors**: `Error::lagged` if values are gone that this receiver has not received: `missed`
  /// tells how many, and the next `receive` gives the oldest that is still there. `Error::closed`
  /// if all senders are gone, and no value is left; operation_canceled if the receiver was
  /// destroyed. Throws what copying the value throws; then the next `receive` gives that value.
  /// **Cancel**: nothing is lost. A value counts as received only when the task runs.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] ReceiveOp final
      : public detail::FeedWait {
   public:
    explicit ReceiveOp(detail::Subscription& subscription) noexcept : FeedWait(subscription) {}

    Result<T> take() {
      if (!this->found()) return this->take_failure();
      auto received = state_of(this->subscription()).receive(this->subscription());
      this->give_up();
      return received;
    }
  };
  ReceiveOp receive() noexcept { return ReceiveOp(this->subscription()); }

  /// The next value if there is one.
  /// **Errors**: `Error::empty`; `Error::lagged` and `Error::closed` as `receive`.
  [[nodiscard]] Result<T> try_receive() {
    detail::Subscription& own = this->subscription();
    const detail::WaitState how = own.core->look(own);
    if (how == detail::WaitState::none) return failure(Error::empty);
    if (how != detail::WaitState::granted) return detail::wait_failure(how);
    return state_of(own).receive(own);
  }

  /// How many values it had missed when `receive` last gave `Error::lagged`.
  std::uint64_t missed() const noexcept { return this->subscription().missed; }

 private:
  friend class BroadcastSender<T>;
  explicit BroadcastReceiver(detail::Subscription& subscription) noexcept
      : FeedReceiver(subscription) {}

  static detail::BroadcastState<T>& state_of(detail::Subscription& subscription) noexcept {
    return static_cast<detail::BroadcastState<T>&>(*subscription.core);
  }
};

}  // namespace eddy
