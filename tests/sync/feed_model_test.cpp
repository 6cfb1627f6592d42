// Random steps of oneshots, broadcasts and watches, each compared with what it should be. Tasks
// receive, with and without limits, and are cancelled at every point; receivers are copied and
// dropped meanwhile, and copies of values throw.
// SPDX-License-Identifier: MIT

#include "eddy/compose/when_any.hpp"
#include "eddy/sync/broadcast.hpp"
#include "eddy/sync/oneshot.hpp"
#include "eddy/sync/watch.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "sync/lives.hpp"
#include "sync/random_steps.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using test::Actors;
using test::AtEnd;
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

/// A oneshot, what it should be, and the tasks that use it.
class OneshotSteps {
 public:
  explicit OneshotSteps(Dice& dice) : dice_(dice) {
    auto ends = oneshot<Value>();
    sender_.emplace(std::move(ends.first));
    receiver_.emplace(std::move(ends.second));
  }

  std::size_t take_step() {
    const std::size_t i = dice_.below(kActors);
    switch (dice_.below(12)) {
      case 0:
      case 1:
      case 2:
        if (!actors_.busy(i)) start(i);
        return 0;
      case 3:
      case 4:
        actors_.abort(i);
        return 0;
      case 5:
        if (dice_.once_in(2)) end_sender();
        return 0;
      case 6:
        if (dice_.once_in(4)) end_receiver();
        return 0;
      case 7:
        if (receiver_) note_receive(receiver_->try_receive(), make_error_code(Error::empty));
        return 0;
      case 8:
        limits_[i].wake(dice_.once_in(2));
        return 0;
      case 9:
        return kSettled;
      default:
        return 1;
    }
  }

  void compare() {
    EXPECT_TRUE(!sender_ || sender_->is_closed() == closed_);
    EXPECT_EQ(lives_.alive(), holds_ ? 1 : 0);
  }
  void look() {
    const bool ends_receive = holds_ || !sender_ || closed_;
    for (std::size_t i = 0; i < kActors; ++i) {
      EXPECT_FALSE(receives_[i] && ends_receive) << "actor " << i << " receives";
      EXPECT_FALSE(waits_for_close_[i] && closed_) << "actor " << i;
    }
  }

  void end_a_side() {
    if (dice_.once_in(2)) {
      end_sender();
    } else {
      end_receiver();
    }
  }
  void abort_all() { actors_.abort_all(); }
  void end() {
    EXPECT_TRUE(actors_.all_ended());
    sender_.reset();
    receiver_.reset();
    EXPECT_TRUE(lives_.all_ended_once());
  }

 private:
  void start(std::size_t i) {
    const bool spent = dice_.once_in(3);
    switch (dice_.below(4)) {
      case 0:
        actors_.start(i, [this, i, spent] { return wait_for_close(i, spent); });
        break;
      case 1:
        actors_.start(i, [this, i, spent] { return receive_in_a_race(i, spent); });
        break;
      default:
        actors_.start(i, [this, i, spent] { return receive(i, spent); });
    }
  }
  Task<> receive(std::size_t i, bool spent) {
    if (spent) co_await use_up_budget();
    if (!receiver_) co_return;
    const AtEnd leave([&] { receives_[i] = false; });
    receives_[i] = true;
    if (dice_.once_in(2)) {
      const Result<Value> value = co_await LimitedOp(limits_[i], receiver_->receive());
      note_receive(value, make_error_code(Error::deadline_exceeded));
    } else {
      const Result<Value> value = co_await receiver_->receive();
      note_receive(value, make_error_code(Error::closed));
    }
  }
  Task<> receive_in_a_race(std::size_t i, bool spent) {
    (void)co_await when_any(receive(i, spent), yield_now());
  }
  Task<> wait_for_close(std::size_t i, bool spent) {
    if (spent) co_await use_up_budget();
    if (!sender_) co_return;
    const AtEnd leave([&] { waits_for_close_[i] = false; });
    waits_for_close_[i] = true;
    co_await sender_->closed();
    EXPECT_TRUE(closed_);
  }
  /// `none` is the error of a receive that found neither the value nor an end.
  void note_receive(const Result<Value>& value, std::error_code none) {
    const bool holds = std::exchange(holds_, value ? false : holds_);
    if (value) {
      EXPECT_TRUE(holds);
    } else if (value.error() == Error::closed) {
      EXPECT_TRUE(!holds && (!sender_ || closed_));
    } else if (value.error() == std::errc::operation_canceled) {
      EXPECT_FALSE(receiver_.has_value());
    } else {
      EXPECT_EQ(value.error(), none);
      EXPECT_TRUE(!holds || none == Error::deadline_exceeded);
    }
  }

  void end_sender() {
    if (!sender_) return;
    if (dice_.once_in(2)) {
      Value value(7, lives_);
      EXPECT_EQ(sender_->send(std::move(value)).has_value(), !closed_);
      EXPECT_EQ(value.owns(), closed_);
      holds_ = !closed_;
    }
    sender_.reset();
  }
  void end_receiver() {
    if (!receiver_) return;
    closed_ = true;
    if (dice_.once_in(2)) {
      receiver_->close();
    } else {
      receiver_.reset();
      holds_ = false;
    }
  }

  Dice& dice_;
  Lives lives_;
  bool holds_ = false;  ///< the value is in it
  bool closed_ = false;
  std::optional<OneshotSender<Value>> sender_;
  std::optional<OneshotReceiver<Value>> receiver_;
  std::array<Limit, kActors> limits_;
  std::array<bool, kActors> receives_{};
  std::array<bool, kActors> waits_for_close_{};
  Actors<kActors> actors_;
};

/// A value that is copied. A copy is another life, and may throw.
class Copied {
 public:
  struct Counts {
    Lives lives;
    bool next_copy_throws = false;
  };

  Copied(int number, Counts& counts) : counts_(&counts), value_(number, counts.lives) {}
  Copied(const Copied& other)
      : counts_((other.throw_if_asked(), other.counts_)), value_(other.number(), counts_->lives) {}
  Copied(Copied&&) noexcept = default;
  Copied& operator=(const Copied&) = delete;
  Copied& operator=(Copied&&) = delete;
  ~Copied() = default;

  int number() const { return value_.number(); }

 private:
  void throw_if_asked() const {
    if (std::exchange(counts_->next_copy_throws, false)) throw std::runtime_error("of a copy");
  }

  Counts* counts_;
  Value value_;
};

/// The receivers of a feed, and the tasks that receive by them.
template <class Receiver>
class FeedSteps {
 public:
  FeedSteps(const FeedSteps&) = delete;
  FeedSteps& operator=(const FeedSteps&) = delete;

  std::size_t take_step() {
    const std::size_t i = dice.below(kActors);
    switch (dice.below(14)) {
      case 0:
      case 1:
      case 2:
        if (!actors_.busy(i)) start(i);
        return 0;
      case 3:
      case 4:
        actors_.abort(i);
        return 0;
      case 5:
        limits[i].wake(dice.once_in(2));
        return 0;
      case 6:
      case 7:
        send();
        return 0;
      case 8:
        look_at(dice.below(kReceivers));
        return 0;
      case 9:
        change_receivers();
        return 0;
      case 10:
        if (dice.once_in(16)) change_senders();
        return 0;
      case 11:
        return kSettled;
      default:
        return 1;
    }
  }
  void look() {
    for (std::size_t i = 0; i < kActors; ++i) {
      if (!waits[i]) continue;
      EXPECT_FALSE(is_gone(*waits[i])) << "actor " << i;
      EXPECT_FALSE(senders == 0 || seats[waits[i]->seat].position != latest) << "actor " << i;
    }
  }
  void abort_all() { actors_.abort_all(); }

 protected:
  static constexpr std::size_t kReceivers = 4;

  explicit FeedSteps(Dice& all) : dice(all) {}
  virtual ~FeedSteps() = default;

  /// A place for a receiver, one after another.
  struct Seat {
    std::optional<Receiver> receiver;
    int number = 0;  ///< of that receiver
    std::uint64_t position = 0;
  };
  /// The receiver that a task uses.
  struct Use {
    std::size_t seat;
    int number;
  };

  /// Receives once by `waits[i]`, with a limit or without.
  virtual Task<> receive(std::size_t i, bool limited) = 0;
  virtual void send() = 0;
  virtual void look_at(std::size_t seat) = 0;
  virtual Receiver subscribe() = 0;
  virtual void change_senders() = 0;
  virtual void note_no_receivers() {}

  bool is_gone(const Use& used) const {
    return !seats[used.seat].receiver || seats[used.seat].number != used.number;
  }
  std::size_t receivers() const {
    std::size_t count = 0;
    for (const Seat& seat : seats) count += seat.receiver ? 1 : 0;
    return count;
  }
  template <class R>
  void expect_end(const R& result, const Use& used) {
    if (result.error() == Error::closed) {
      EXPECT_TRUE(senders == 0 && (is_gone(used) || seats[used.seat].position == latest));
    } else if (!is_late(result)) {
      EXPECT_TRUE(failed_with(result, std::errc::operation_canceled));
      EXPECT_TRUE(is_gone(used));
    }
  }
  void end_receivers() {
    EXPECT_TRUE(actors_.all_ended());
    for (Seat& seat : seats) seat.receiver.reset();
  }

  Dice& dice;
  Copied::Counts counts;
  std::size_t senders = 1;
  std::uint64_t latest = 0;  ///< the number of the next value
  std::array<Seat, kReceivers> seats;
  std::array<Limit, kActors> limits;
  std::array<std::optional<Use>, kActors> waits;

 private:
  void start(std::size_t i) {
    const bool spent = dice.once_in(3);
    if (dice.once_in(4)) {
      actors_.start(i, [this, i, spent] { return begin_in_a_race(i, spent); });
    } else {
      actors_.start(i, [this, i, spent] { return begin(i, spent); });
    }
  }
  Task<> begin(std::size_t i, bool spent) {
    if (spent) co_await use_up_budget();
    const std::size_t seat = dice.below(kReceivers);
    if (!seats[seat].receiver) co_return;
    const AtEnd leave([&] { waits[i].reset(); });
    waits[i] = Use{seat, seats[seat].number};
    try {
      co_await receive(i, dice.once_in(2));
    } catch (const std::runtime_error&) {
      EXPECT_FALSE(counts.next_copy_throws);
    }
  }
  Task<> begin_in_a_race(std::size_t i, bool spent) {
    (void)co_await when_any(begin(i, spent), yield_now());
  }

  void change_receivers() {
    const std::size_t from = dice.below(kReceivers);
    Seat& to = seats[dice.below(kReceivers)];
    switch (dice.below(4)) {
      case 0:
        if (senders == 0) return;
        to.receiver = subscribe();
        to.position = latest;
        break;
      case 1:
        if (!seats[from].receiver || &to == &seats[from]) return;
        to.receiver = seats[from].receiver;
        to.position = seats[from].position;
        break;
      case 2:
        if (!seats[from].receiver || &to == &seats[from]) return;
        move_receiver(from, to);
        return;
      default:
        to.receiver.reset();
        if (receivers() == 0) note_no_receivers();
    }
    to.number = ++numbers_;
  }
  /// The receiver moves, and the tasks that wait by it go on waiting.
  void move_receiver(std::size_t from, Seat& to) {
    to.receiver = std::exchange(seats[from].receiver, std::nullopt);
    to.position = seats[from].position;
    to.number = std::exchange(seats[from].number, ++numbers_);
    for (std::optional<Use>& wait : waits) {
      if (wait && wait->seat == from && wait->number == to.number) {
        wait->seat = static_cast<std::size_t>(&to - seats.data());
      }
    }
  }

  int numbers_ = 0;
  Actors<kActors> actors_;
};

class BroadcastSteps final : public FeedSteps<BroadcastReceiver<Copied>> {
 public:
  explicit BroadcastSteps(Dice& all) : FeedSteps(all), capacity_(1 + all.below(4)) {
    auto ends = broadcast<Copied>(capacity_);
    senders_[0].emplace(std::move(ends.first));
    seats[0].receiver.emplace(std::move(ends.second));
  }

  void compare() {
    EXPECT_EQ(counts.lives.alive(), static_cast<long>(latest - oldest_));
    for (auto& sender : senders_) EXPECT_TRUE(!sender || sender->receivers() == receivers());
  }
  void end_a_side() {
    for (auto& sender : senders_) sender.reset();
    senders = 0;
  }
  void end() {
    end_receivers();
    EXPECT_TRUE(counts.lives.all_ended_once());
  }

 private:
  using Received = Result<Copied>;

  BroadcastSender<Copied>* any_sender() {
    auto& sender = senders_[dice.below(senders_.size())];
    return sender ? &*sender : nullptr;
  }

  Task<> receive(std::size_t i, bool limited) override {
    BroadcastReceiver<Copied>& by = *seats[waits[i]->seat].receiver;
    if (limited) {
      const Received value = co_await LimitedOp(limits[i], by.receive());
      note_receive(value, *waits[i]);
    } else {
      const Received value = co_await by.receive();
      note_receive(value, *waits[i]);
    }
  }
  void note_receive(const Received& value, const Use& used) {
    if (value || value.error() == Error::lagged) {
      EXPECT_FALSE(is_gone(used));
      note_received(value, seats[used.seat]);
    } else {
      expect_end(value, used);
    }
  }
  /// A value, or how many are missing.
  void note_received(const Received& value, Seat& seat) {
    EXPECT_LT(seat.position, latest);
    if (seat.position < oldest_) {
      EXPECT_TRUE(failed_with(value, Error::lagged));
      EXPECT_EQ(seat.receiver->missed(), oldest_ - seat.position);
      seat.position = oldest_;
    } else {
      EXPECT_TRUE(succeeded(value));
      EXPECT_TRUE(!value || static_cast<std::uint64_t>(value->number()) == seat.position);
      ++seat.position;
    }
  }
  void look_at(std::size_t number) override {
    Seat& seat = seats[number];
    counts.next_copy_throws = dice.once_in(4);
    if (!seat.receiver) return;
    try {
      const Received value = seat.receiver->try_receive();
      if (value || value.error() == Error::lagged) {
        note_received(value, seat);
      } else {
        EXPECT_EQ(seat.position, latest);
        EXPECT_TRUE(failed_with(value, senders == 0 ? Error::closed : Error::empty));
      }
    } catch (const std::runtime_error&) {
      EXPECT_FALSE(counts.next_copy_throws);
    }
  }
  void send() override {
    BroadcastSender<Copied>* const by = any_sender();
    if (by == nullptr) return;
    EXPECT_EQ(by->send(Copied(static_cast<int>(latest), counts)), receivers());
    if (receivers() == 0) return;
    ++latest;
    if (latest - oldest_ > capacity_) ++oldest_;
  }
  BroadcastReceiver<Copied> subscribe() override {
    BroadcastSender<Copied>* by = any_sender();
    while (by == nullptr) by = any_sender();
    return by->subscribe();
  }
  void change_senders() override {
    const BroadcastSender<Copied>* const copied = any_sender();
    auto& sender = senders_[dice.below(senders_.size())];
    if (copied != nullptr && !sender) {
      sender.emplace(*copied);
      ++senders;
    } else if (sender && (senders > 1 || dice.once_in(8))) {
      sender.reset();
      --senders;
    }
  }
  void note_no_receivers() override { oldest_ = latest; }

  std::size_t capacity_;
  std::uint64_t oldest_ = 0;
  std::array<std::optional<BroadcastSender<Copied>>, 2> senders_;
};

class WatchSteps final : public FeedSteps<WatchReceiver<Copied>> {
 public:
  explicit WatchSteps(Dice& all) : FeedSteps(all) {
    auto ends = watch<Copied>(Copied(0, counts));
    sender_.emplace(std::move(ends.first));
    seats[0].receiver.emplace(std::move(ends.second));
  }

  void compare() {
    if (sender_ || receivers() != 0) {
      EXPECT_EQ(counts.lives.alive(), 1);
    }
    for (const Seat& seat : seats) {
      EXPECT_TRUE(!seat.receiver || seat.receiver->has_changed() == (seat.position != latest));
    }
    EXPECT_TRUE(!sender_ || sender_->receivers() == receivers());
  }
  void end_a_side() {
    sender_.reset();
    senders = 0;
  }
  void end() {
    end_receivers();
    EXPECT_TRUE(counts.lives.all_ended_once());
  }

 private:
  Task<> receive(std::size_t i, bool limited) override {
    WatchReceiver<Copied>& by = *seats[waits[i]->seat].receiver;
    if (limited) {
      const Result<> changed = co_await LimitedOp(limits[i], by.changed());
      note_change(changed, *waits[i]);
    } else {
      const Result<> changed = co_await by.changed();
      note_change(changed, *waits[i]);
    }
  }
  void note_change(const Result<>& changed, const Use& used) {
    if (!changed) {
      expect_end(changed, used);
      return;
    }
    EXPECT_FALSE(is_gone(used));
    Seat& seat = seats[used.seat];
    EXPECT_NE(seat.position, latest);
    seat.position = latest;
    EXPECT_FALSE(seat.receiver->has_changed());
  }
  void look_at(std::size_t number) override {
    Seat& seat = seats[number];
    counts.next_copy_throws = dice.once_in(4);
    if (!seat.receiver) return;
    try {
      EXPECT_EQ(seat.receiver->get().number(), static_cast<int>(latest));
      seat.position = latest;
    } catch (const std::runtime_error&) {
      EXPECT_FALSE(counts.next_copy_throws);
    }
  }
  void send() override {
    if (!sender_) return;
    sender_->send(Copied(static_cast<int>(++latest), counts));
  }
  WatchReceiver<Copied> subscribe() override { return sender_->subscribe(); }
  void change_senders() override {
    if (!dice.once_in(4)) return;
    sender_.reset();
    senders = 0;
  }

  std::optional<WatchSender<Copied>> sender_;
};

TEST(FeedModel, OfAOneshotAgreesInEveryStep) {
  run([] { return check<OneshotSteps>(kSteps, 30); });
}

TEST(FeedModel, OfABroadcastAgreesInEveryStep) {
  run([] { return check<BroadcastSteps>(kSteps, 500); });
}

TEST(FeedModel, OfAWatchAgreesInEveryStep) {
  run([] { return check<WatchSteps>(kSteps, 500); });
}

}  // namespace
}  // namespace eddy
