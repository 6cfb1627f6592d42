// A value that changes, and tasks that watch it.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/platform/result.hpp"
#include "eddy/sync/feed_core.hpp"
#include "eddy/sync/feed_values.hpp"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace eddy {

template <class T>
class WatchSender;
template <class T>
class WatchReceiver;

namespace detail {

/// The latest value.
template <class T>
class WatchState final : public FeedValues<T> {
 public:
  using Node = FeedNode<T>;

  explicit WatchState(T& initial) : current_(&this->make_node(initial)) {}

  void send(T& value) {
    Node* node = &this->make_node(value);
    bool last = false;
    {
      SharedLock held(this->flag_);
      std::swap(node, current_);
      last = this->release(*node);
      this->note_value(held);
    }
    if (last) this->end_node(*node);
  }

  /// A copy of the value. Sets `seen` to what `changed` compares with.
  T get(std::uint64_t& seen) {
    Node* node = nullptr;
    std::uint64_t latest = 0;
    {
      const SharedLock held(this->flag_);
      node = current_;
      ++node->references;
      latest = this->latest();
    }
    const typename FeedValues<T>::Pin pin(*this, *node);
    T copy(std::as_const(*node->value()));
    seen = latest;
    return copy;
  }

 private:
  ~WatchState() { this->end_node(*current_); }

  void drop_values() noexcept override {}
  void destroy() noexcept override { delete this; }

  Node* current_;
};

}  // namespace detail

/// A sender and a receiver of a value of which only the latest counts, such as a configuration. The
/// move constructor of `T` must be noexcept.
///
///     auto [level, watcher] = eddy::watch<int>(1);
///     auto change = [](eddy::WatchSender<int> to) -> eddy::Task<> { co_return to.send(2); };
///     auto changing = eddy::spawn(change, std::move(level));
///     while (co_await watcher.changed()) use(watcher.get());  // until the sender is gone
template <class T>
std::pair<WatchSender<T>, WatchReceiver<T>> watch(T initial) {
  WatchSender<T> sender(*new detail::WatchState<T>(initial));
  WatchReceiver<T> receiver = sender.subscribe();
  return {std::move(sender), std::move(receiver)};
}

/// Changes the value that receivers watch. Once it is gone, receivers see its last value, and then
/// `Error::closed`. A sender that was moved from must not be used.
///
/// **Thread**: one at a time, any.
template <class T>
class WatchSender final : private detail::FeedSender {
 public:
  WatchSender(WatchSender&&) noexcept = default;
  WatchSender& operator=(WatchSender&&) noexcept = default;
  ~WatchSender() = default;

  /// Makes `value` the value, and wakes the tasks that wait for a change. May throw std::bad_alloc.
  void send(T value) { state().send(value); }
  /// Calls `f(value)` with a copy of the value, then sends the copy. If `f` throws, nothing has
  /// changed.
  template <class F>
  void modify(F&& f) {
    T next = get();
    std::forward<F>(f)(next);
    state().send(next);
  }
  /// A copy of the value.
  T get() const {
    std::uint64_t seen = 0;
    return state().get(seen);
  }

  /// A receiver, which has seen the value that there is now.
  WatchReceiver<T> subscribe() { return WatchReceiver<T>(*state().subscribe()); }
  /// How many receivers there are. Other threads may change that before the caller acts.
  std::size_t receivers() const noexcept { return state().receivers(); }

 private:
  friend std::pair<WatchSender<T>, WatchReceiver<T>> watch<T>(T initial);
  explicit WatchSender(detail::WatchState<T>& state) noexcept : FeedSender(state) {}

  detail::WatchState<T>& state() const noexcept {
    return static_cast<detail::WatchState<T>&>(this->core());
  }
};

/// Watches a value. A copy of a receiver has seen what the receiver has seen.
///
/// A receiver must live until its operations begin. If it is destroyed while a task waits by it,
/// that wait ends with operation_canceled; if that task is of another thread, the program stops. A
/// receiver that was moved from may only be destroyed or assigned to; any other use of it stops the
/// program.
///
/// **Thread**: one at a time, any. Tasks of two threads that receive by it at once stop the
/// program. Other receivers may be on other threads.
template <class T>
class WatchReceiver final : private detail::FeedReceiver {
 public:
  /// Waits until there is a value that this receiver has not seen. Several changes may count as
  /// one. From then on the receiver has seen it, also if `get` is not called.
  /// **Errors**: `Error::closed` if the sender is gone, and its last value was seen;
  /// operation_canceled if the receiver was destroyed.
  /// **Cancel**: nothing is lost. The change counts as seen only when the task runs.
  class [[nodiscard("nothing happens until it is awaited: write co_await")]] ChangedOp final
      : public detail::FeedWait {
   public:
    explicit ChangedOp(detail::Subscription& subscription) noexcept : FeedWait(subscription) {}

    Result<> take() noexcept {
      if (!this->found()) return this->take_failure();
      this->subscription().position = this->subscription().core->latest();
      this->give_up();
      return {};
    }
  };
  ChangedOp changed() noexcept { return ChangedOp(this->subscription()); }

  /// A copy of the value, which this receiver has seen from then on.
  T get() { return state().get(this->subscription().position); }
  /// True if there is a value that this receiver has not seen: `changed` would not wait.
  bool has_changed() const noexcept {
    return this->subscription().core->latest() != this->subscription().position;
  }

 private:
  friend class WatchSender<T>;
  explicit WatchReceiver(detail::Subscription& subscription) noexcept
      : FeedReceiver(subscription) {}

  detail::WatchState<T>& state() const noexcept {
    return static_cast<detail::WatchState<T>&>(*this->subscription().core);
  }
};

}  // namespace eddy
