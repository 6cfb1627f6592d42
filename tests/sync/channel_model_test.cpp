// Random steps of channels, each compared with a model that has no coroutines. Tasks send, reserve
// and receive, with and without limits, and are cancelled at every point: while they wait, yield
// for their budget, or were woken and have not run. No value is lost, sent twice, or leaked.
// SPDX-License-Identifier: MIT

#include "sync/channel_model.hpp"

#include "eddy/compose/when_any.hpp"
#include "eddy/sync/channel.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/lives.hpp"
#include "sync/random_steps.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::Actors;
using test::AtEnd;
using test::ChannelModel;
using test::check;
using test::Dice;
using test::failed_with;
using test::is_late;
using test::kSettled;
using test::Limit;
using test::LimitedOp;
using test::Lives;
using test::run;
using test::succeeded;
using test::use_up_budget;
using test::Value;

constexpr int kSteps = 100'000;
constexpr std::size_t kActors = 6;

/// A channel, its model, and the tasks that use both. `kBounded`: it has a capacity.
template <bool kBounded>
class ChannelSteps {
  using AnySender = std::conditional_t<kBounded, Sender<Value>, UnboundedSender<Value>>;
  using Asker = ChannelModel::Asker;
  using State = Asker::State;

 public:
  explicit ChannelSteps(Dice& dice) : ChannelSteps(dice, 1 + dice.below(4)) {}

  std::size_t take_step() {
    const std::size_t i = dice_.below(kActors);
    switch (dice_.below(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
        if (!actors_.busy(i)) start(i);
        return 0;
      case 4:
      case 5:
        actors_.abort(i);
        return 0;
      case 6:
        try_to_send();
        return 0;
      case 7:
      case 8:
        try_to_receive();
        return 0;
      case 9:
      case 10:
        use_permit(i);
        return 0;
      case 11:
        if (dice_.once_in(4)) change_handles();
        return 0;
      case 12:
        if (dice_.once_in(20)) end_receiver();
        return 0;
      case 13:
        limits_[i].wake(dice_.once_in(2));
        return 0;
      case 14:
        return kSettled;
      default:
        return 1;
    }
  }

  /// What should hold at any time.
  void compare() {
    if (receiver_) {
      EXPECT_EQ(receiver_->size(), model_.values().size());
    }
    for (auto& handle : handles_) {
      if (!handle) continue;
      EXPECT_EQ(handle->size(), model_.values().size());
      EXPECT_EQ(handle->is_closed(), model_.closed());
    }
  }
  /// What should hold once every task has run that can.
  void look() {
    for (std::size_t i = 0; i < kActors; ++i) {
      EXPECT_FALSE(receives_[i] && model_.ends_receive()) << "actor " << i << " receives";
      EXPECT_FALSE(waits_for_close_[i] && model_.closed()) << "actor " << i;
      EXPECT_FALSE(askers_[i] != nullptr && askers_[i]->ended()) << "actor " << i << " sends";
    }
  }

  void end_a_side() {
    if (dice_.once_in(2)) {
      end_receiver();
    } else {
      for (auto& handle : handles_) drop(handle);
    }
  }
  void abort_all() { actors_.abort_all(); }
  void end() {
    EXPECT_TRUE(actors_.all_ended());
    for (auto& permit : permits_) permit.reset();
    for (auto& handle : handles_) handle.reset();
    receiver_.reset();
    EXPECT_TRUE(lives_.all_ended_once());
  }

 private:
  ChannelSteps(Dice& dice, std::size_t capacity)
      : dice_(dice), model_(kBounded ? capacity : std::numeric_limits<std::size_t>::max()) {
    auto ends = [&] {
      if constexpr (kBounded) {
        return channel<Value>(capacity);
      } else {
        return unbounded_channel<Value>();
      }
    }();
    handles_[0].emplace(std::move(ends.first));
    receiver_.emplace(std::move(ends.second));
    model_.senders = 1;
  }

  AnySender* any_sender() {
    auto& handle = handles_[dice_.below(handles_.size())];
    return handle ? &*handle : nullptr;
  }
  Value next_value() { return {next_, lives_}; }

  // ---- what tasks do ----

  void start(std::size_t i) {
    asks_[i] = Ask(dice_);
    switch (dice_.below(8)) {
      case 0:
        actors_.start(i, [this, i] { return wait_for_close(i); });
        break;
      case 1:
        actors_.start(i, [this, i] { return receive_many(i); });
        break;
      case 2:
      case 3:
        actors_.start(i, [this, i] { return receive(i); });
        break;
      case 4:
        actors_.start(i, [this, i] { return in_a_race(receive(i)); });
        break;
      default:
        if constexpr (kBounded) start_to_send(i);
    }
  }
  void start_to_send(std::size_t i) {
    switch (dice_.below(4)) {
      case 0:
        actors_.start(i, [this, i] { return send_all(i); });
        break;
      case 1:
        actors_.start(i, [this, i] { return reserve(i); });
        break;
      case 2:
        actors_.start(i, [this, i] { return send(i); });
        break;
      default:
        actors_.start(i, [this, i] { return in_a_race(dice_.once_in(2) ? reserve(i) : send(i)); });
    }
  }

  /// As a branch, which ends or is cancelled before its task goes on.
  static Task<> in_a_race(Task<> task) { (void)co_await when_any(std::move(task), yield_now()); }

  /// How a task asks.
  struct Ask {
    Ask() = default;
    explicit Ask(Dice& dice) : spent(dice.once_in(3)), timed(dice.once_in(3)) {}

    bool spent = false;  ///< it has no budget left
    bool timed = false;
  };

  Task<> send(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    AnySender* const by = any_sender();
    if (by == nullptr) co_return;
    Asker asker;
    asker.values = {++next_};
    const AtEnd leave([&] { end(i); });
    begin(i, asker);
    if (asks_[i].timed) {
      const Result<> sent = co_await LimitedOp(limits_[i], by->send(next_value()));
      note_end(asker, sent);
    } else {
      const Result<> sent = co_await by->send(next_value());
      note_end(asker, sent);
    }
  }

  Task<> send_all(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    AnySender* const by = any_sender();
    if (by == nullptr) co_return;
    Asker asker;
    std::vector<Value> values;
    for (std::size_t left = dice_.below(6); left != 0; --left) {
      asker.values.push_back(++next_);
      values.push_back(next_value());
    }
    std::span<Value> rest = values;
    const AtEnd leave([&] {
      expect_rest(asker, values, rest);
      end(i);
    });
    begin(i, asker);
    if (asks_[i].timed) {
      const Result<> sent = co_await LimitedOp(limits_[i], by->send_all(rest));
      note_end(asker, sent);
    } else {
      const Result<> sent = co_await by->send_all(rest);
      note_end(asker, sent);
    }
  }
  static void expect_rest(const Asker& asker, const std::vector<Value>& values,
                          std::span<Value> rest) {
    EXPECT_EQ(rest.size(), asker.values.size());
    EXPECT_EQ(rest.data() + rest.size(), values.data() + values.size());
    for (const Value& value : rest) EXPECT_TRUE(value.owns());
  }

  Task<> reserve(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    AnySender* const by = any_sender();
    if (by == nullptr || permits_[i]) co_return;
    Asker asker;
    asker.wants_permit = true;
    const AtEnd leave([&] { end(i); });
    begin(i, asker);
    if (asks_[i].timed) {
      Result<SendPermit<Value>> permit = co_await LimitedOp(limits_[i], by->reserve());
      note_end(asker, permit);
      if (permit) permits_[i].emplace(std::move(*permit));
    } else {
      Result<SendPermit<Value>> permit = co_await by->reserve();
      note_end(asker, permit);
      if (permit) permits_[i].emplace(std::move(*permit));
    }
  }

  void begin(std::size_t i, Asker& asker) {
    askers_[i] = &asker;
    model_.begin(asker);
  }
  /// The operation is gone.
  void end(std::size_t i) {
    model_.leave(*askers_[i]);
    askers_[i] = nullptr;
  }
  template <class R>
  void note_end(Asker& asker, const R& result) {
    if (is_late(result)) return;
    if (result) {
      EXPECT_EQ(asker.state, State::served);
    } else {
      EXPECT_TRUE(failed_with(result, Error::closed));
      EXPECT_EQ(asker.state, State::refused);
    }
    asker.state = State::idle;  // the task has its outcome
  }

  Task<> receive(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    if (!receiver_) co_return;
    const AtEnd leave([&] { receives_[i] = false; });
    receives_[i] = true;
    if (asks_[i].timed) {
      const Result<Value> value = co_await LimitedOp(limits_[i], receiver_->receive());
      note_receive(value);
    } else {
      const Result<Value> value = co_await receiver_->receive();
      note_receive(value);
    }
  }
  void note_receive(const Result<Value>& value) {
    if (value) {
      expect_taken(std::span(&*value, 1));
    } else if (!is_late(value)) {
      expect_end_of_receive(value);
    }
  }

  Task<> receive_many(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    if (!receiver_) co_return;
    const AtEnd leave([&] { receives_[i] = false; });
    const std::size_t most = dice_.below(5);
    receives_[i] = most != 0;
    std::vector<Value> into;
    if (asks_[i].timed) {
      const Result<std::size_t> count =
          co_await LimitedOp(limits_[i], receiver_->receive_many(into, most));
      note_receive_many(count, into, most);
    } else {
      const Result<std::size_t> count = co_await receiver_->receive_many(into, most);
      note_receive_many(count, into, most);
    }
  }
  void note_receive_many(const Result<std::size_t>& count, std::span<const Value> into,
                         std::size_t most) {
    EXPECT_EQ(count.value_or(0), into.size());
    if (count) {
      EXPECT_EQ(*count, std::min(most, model_.values().size()));
      expect_taken(into);
    } else if (!is_late(count)) {
      expect_end_of_receive(count);
    }
  }

  void expect_taken(std::span<const Value> taken) {
    EXPECT_LE(taken.size(), model_.values().size());
    if (taken.size() > model_.values().size()) return;
    for (std::size_t i = 0; i < taken.size(); ++i) {
      EXPECT_EQ(taken[i].number(), model_.values()[i]);
      EXPECT_TRUE(taken[i].owns());
    }
    model_.take(taken.size());
  }
  template <class R>
  void expect_end_of_receive(const R& result) {
    EXPECT_TRUE(model_.values().empty());
    if (result.error() == Error::closed) {
      EXPECT_TRUE(model_.no_more());
    } else {
      EXPECT_TRUE(failed_with(result, std::errc::operation_canceled));
      EXPECT_TRUE(model_.receiver_gone());
    }
  }

  Task<> wait_for_close(std::size_t i) {
    if (asks_[i].spent) co_await use_up_budget();
    AnySender* const by = any_sender();
    if (by == nullptr) co_return;
    const AtEnd leave([&] { waits_for_close_[i] = false; });
    waits_for_close_[i] = true;
    if (asks_[i].timed) {
      const Result<> closed = co_await LimitedOp(limits_[i], by->closed());
      EXPECT_TRUE(model_.closed() || is_late(closed));
    } else {
      co_await by->closed();
      EXPECT_TRUE(model_.closed());
    }
  }

  // ---- what happens without a task ----

  void try_to_send() {
    AnySender* const by = any_sender();
    if (by == nullptr) return;
    const bool fits = model_.try_push(++next_);
    Value value = next_value();
    if constexpr (kBounded) {
      expect_tried(by->try_send(std::move(value)), fits);
    } else {
      expect_tried(by->send(std::move(value)), fits);
    }
    EXPECT_NE(value.owns(), fits);
  }
  void try_to_reserve(std::size_t i) {
    if constexpr (kBounded) {
      AnySender* const by = any_sender();
      if (by == nullptr) return;
      const bool fits = model_.try_reserve();
      Result<SendPermit<Value>> permit = by->try_reserve();
      expect_tried(permit, fits);
      if (permit) permits_[i].emplace(std::move(*permit));
    }
  }
  template <class R>
  void expect_tried(const R& result, bool fits) {
    if (fits) {
      EXPECT_TRUE(succeeded(result));
    } else {
      EXPECT_TRUE(failed_with(result, model_.closed() ? Error::closed : Error::full));
    }
  }
  void try_to_receive() {
    if (!receiver_) return;
    const Result<Value> value = receiver_->try_receive();
    if (value) {
      expect_taken(std::span(&*value, 1));
    } else {
      EXPECT_TRUE(model_.values().empty());
      EXPECT_TRUE(failed_with(value, model_.no_more() ? Error::closed : Error::empty));
    }
  }
  void use_permit(std::size_t i) {
    if (!permits_[i]) {
      if (!actors_.busy(i)) try_to_reserve(i);
    } else if (dice_.once_in(3)) {
      permits_[i].reset();
      model_.end_permit();
    } else {
      model_.send_by_permit(++next_);
      permits_[i]->send(next_value());
      permits_[i].reset();
    }
  }
  void change_handles() {
    const AnySender* const copied = any_sender();
    auto& handle = handles_[dice_.below(handles_.size())];
    if (copied != nullptr && !handle) {
      handle.emplace(*copied);
      ++model_.senders;
    } else if (model_.senders > 1 || dice_.once_in(16)) {
      drop(handle);
    }
  }
  void drop(std::optional<AnySender>& handle) {
    if (!handle) return;
    handle.reset();
    --model_.senders;
  }
  void end_receiver() {
    if (!receiver_) return;
    if (dice_.once_in(2)) {
      receiver_->close();
      model_.close();
    } else {
      receiver_.reset();
      model_.drop_receiver();
    }
  }

  Dice& dice_;
  ChannelModel model_;
  Lives lives_;
  int next_ = 0;  ///< the number of the newest value
  std::array<std::optional<AnySender>, 3> handles_;
  std::optional<Receiver<Value>> receiver_;
  std::array<std::optional<SendPermit<Value>>, kActors> permits_;
  std::array<Ask, kActors> asks_;
  std::array<Limit, kActors> limits_;
  std::array<Asker*, kActors> askers_{};
  std::array<bool, kActors> receives_{};
  std::array<bool, kActors> waits_for_close_{};
  Actors<kActors> actors_;
};

TEST(ChannelModel, OfABoundedChannelAgreesInEveryStep) {
  run([] { return check<ChannelSteps<true>>(kSteps, 300); });
}

TEST(ChannelModel, OfAnUnboundedChannelAgreesInEveryStep) {
  run([] { return check<ChannelSteps<false>>(kSteps, 1000); });
}

}  // namespace
}  // namespace eddy
