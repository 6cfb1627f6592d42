// What a channel should be, without coroutines.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace eddy::test {

/// What a channel should be.
class ChannelModel {
 public:
  /// A task that asks for rooms: for values, or for a permit.
  struct Asker {
    std::deque<int> values;
    bool wants_permit = false;
    enum class State : std::uint8_t { idle, waits, served, refused } state = State::idle;

    bool ended() const { return state == State::served || state == State::refused; }
  };

  explicit ChannelModel(std::size_t capacity) : capacity_(capacity) {}

  std::size_t free() const { return capacity_ - values_.size() - reserved_; }
  const std::deque<int>& values() const { return values_; }
  bool closed() const { return closed_; }
  bool receiver_gone() const { return receiver_gone_; }
  bool no_more() const { return (senders == 0 || closed_) && reserved_ == 0; }
  bool ends_receive() const { return !values_.empty() || no_more() || receiver_gone_; }

  void begin(Asker& asker) {
    if (closed_) {
      asker.state = Asker::State::refused;
      return;
    }
    asker.state = Asker::State::waits;
    waiting_.push_back(&asker);
    if (!asker.wants_permit && asker.values.empty()) {
      serve_last();
    } else {
      pass();
    }
  }
  /// An asker leaves that has not taken its outcome.
  void leave(Asker& asker) {
    const bool has_permit = asker.state == Asker::State::served && asker.wants_permit;
    if (asker.state == Asker::State::waits) std::erase(waiting_, &asker);
    asker.state = Asker::State::idle;
    if (has_permit) end_permit();
  }
  bool try_push(int value) {
    if (closed_ || free() == 0) return false;
    values_.push_back(value);
    return true;
  }
  bool try_reserve() {
    if (closed_ || free() == 0) return false;
    ++reserved_;
    return true;
  }
  void send_by_permit(int value) {
    --reserved_;
    if (!receiver_gone_) values_.push_back(value);
  }
  void end_permit() {
    --reserved_;
    pass();
  }
  /// The receiver takes the oldest values.
  void take(std::size_t count) {
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(count));
    pass();
  }
  void close() {
    closed_ = true;
    for (Asker* asker : waiting_) asker->state = Asker::State::refused;
    waiting_.clear();
  }
  void drop_receiver() {
    close();
    receiver_gone_ = true;
    values_.clear();
  }

  std::size_t senders = 0;

 private:
  void serve_last() {
    waiting_.back()->state = Asker::State::served;
    waiting_.pop_back();
  }
  /// Gives the free rooms to those who wait, in their order.
  void pass() {
    while (!waiting_.empty() && free() != 0) {
      Asker& first = *waiting_.front();
      if (first.wants_permit) {
        ++reserved_;
      } else {
        values_.push_back(first.values.front());
        first.values.pop_front();
      }
      if (!first.values.empty()) continue;
      first.state = Asker::State::served;
      waiting_.pop_front();
    }
  }

  std::size_t capacity_;
  std::size_t reserved_ = 0;
  std::deque<int> values_;
  std::deque<Asker*> waiting_;
  bool closed_ = false;
  bool receiver_gone_ = false;
};

}  // namespace eddy::test
