// SPDX-License-Identifier: MIT

#include "eddy/compose/join_set.hpp"
#include "eddy/compose/pinned.hpp"
#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/try_all.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"
#include "eddy/worker/cancel_reason.hpp"

#include "support/result.hpp"
#include "support/run.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::run;

testing::AssertionResult is_within(Duration left, Duration limit) {
  if (left > limit - 1min && left <= limit) return testing::AssertionSuccess();
  return testing::AssertionFailure() << left.count() << " ns of " << limit.count() << " ns";
}

/// `time_left`, at once or in a later run.
Task<Duration> left(bool wait) {
  if (wait) co_await yield_now();
  co_return time_left();
}

TEST(TimeLeft, IsForEverWithoutALimit) {
  EXPECT_EQ(time_left(), Duration::max());
  EXPECT_EQ(deadline(), Instant::max());
  run([]() -> Task<> {
    EXPECT_EQ(time_left(), Duration::max());
    for (const bool wait : {false, true}) {
      EXPECT_EQ((co_await timeout(Duration::max(), left(wait))).value(), Duration::max());
      EXPECT_EQ((co_await with_deadline(Instant::max(), left(wait))).value(), Duration::max());
    }
    EXPECT_TRUE((co_await timeout(1h, left(true))).has_value());
    EXPECT_EQ(time_left(), Duration::max()) << "after the limit";
  });
}

TEST(TimeLeft, IsThatOfTheTimeoutFromTheFirstRunOn) {
  run([]() -> Task<> {
    auto work = []() -> Task<> {
      EXPECT_TRUE(is_within(time_left(), 1h)) << "before the first wait";
      co_await yield_now();
      EXPECT_TRUE(is_within(time_left(), 1h)) << "before the loop has read the clock";
      const Duration before = time_left();
      co_await sleep_for(2ms);
      EXPECT_LE(time_left(), before - 2ms);
      const Instant limit = deadline();
      co_await sleep_for(1ms);
      EXPECT_EQ(deadline(), limit) << "once it waits, the limit stays";
    };
    EXPECT_TRUE((co_await timeout(1h, work())).has_value());
  });
}

TEST(TimeLeft, OfADeadlineIsExact) {
  run([]() -> Task<> {
    const Instant limit = Clock::now() + 1h;
    auto work = [=]() -> Task<> {
      EXPECT_EQ(deadline(), limit);
      co_await yield_now();
      EXPECT_EQ(deadline(), limit);
      EXPECT_TRUE(is_within(time_left(), 1h));
    };
    EXPECT_TRUE((co_await with_deadline(limit, work())).has_value());
  });
}

TEST(TimeLeft, IsThatOfTheNearestLimit) {
  run([]() -> Task<> {
    for (const bool wait : {false, true}) {
      auto longer = [=]() -> Task<Duration> {
        co_return (co_await timeout(2h, left(wait))).value();
      };
      EXPECT_TRUE(is_within((co_await timeout(1h, longer())).value(), 1h));
      auto shorter = [=]() -> Task<Duration> {
        const Result<Duration> inside = co_await timeout(1h, left(wait));
        EXPECT_TRUE(is_within(inside.value(), 1h));
        co_return time_left();
      };
      EXPECT_TRUE(is_within((co_await timeout(2h, shorter())).value(), 2h));
    }
  });
}

TEST(TimeLeft, IsZeroOnceTheLimitHasPassed) {
  run([]() -> Task<> {
    auto slow = [](Duration* after) -> Task<> {
      co_await yield_now();
      const Instant limit = deadline();
      while (Clock::now() <= limit) std::this_thread::yield();
      *after = time_left();
    };
    Duration after(1);
    EXPECT_TRUE((co_await timeout(1ms, slow(&after))).has_value()) << "it has never waited";
    EXPECT_EQ(after, Duration::zero());
    for (const Instant past : {Instant::min(), Instant(), Clock::now()}) {
      EXPECT_EQ((co_await with_deadline(past, left(false))).value(), Duration::zero());
    }
    EXPECT_EQ((co_await timeout(-1h, left(false))).value(), Duration::zero());
  });
}

TEST(TimeLeft, IsSeenInBranchesAndGroupsWithALimit) {
  run([]() -> Task<> {
    const auto all = co_await timeout(1h, when_all(left(false), left(true)));
    EXPECT_TRUE(is_within(std::get<0>(*all), 1h));
    EXPECT_TRUE(is_within(std::get<1>(*all), 1h));
    std::vector<Duration> seen;
    auto member = [&]() -> Task<> {
      seen.push_back(time_left());
      co_await yield_now();
      seen.push_back(time_left());
    };
    auto body = [&](TaskGroup& group) -> Task<> {
      seen.push_back(time_left());
      group.spawn(member);
      co_return;
    };
    EXPECT_TRUE((co_await timeout(1h, with_group(body))).has_value());
    auto nested = [&]() -> Task<Result<>> {
      (void)co_await timeout(2h, with_group(body));
      co_return {};
    };
    co_await ok(timeout(1h, try_all(nested())));
    EXPECT_EQ(seen.size(), 6U);
    for (const Duration each : seen) EXPECT_TRUE(is_within(each, 1h));
  });
}

TEST(TimeLeft, OfASpawnedTaskIsItsOwn) {
  run([]() -> Task<> {
    auto work = []() -> Task<> {
      auto handle = spawn(left, true);
      EXPECT_EQ((co_await handle).value(), Duration::max());
      EXPECT_EQ(co_await shield(left(true)), Duration::max());
      auto limited = [](Instant limit) -> Task<Duration> {
        const Result<Duration> result = co_await with_deadline(limit, left(true));
        co_return result.value();
      };
      auto given = spawn(limited, deadline());
      EXPECT_TRUE(is_within((co_await given).value(), 1h)) << "by its argument";
    };
    EXPECT_TRUE((co_await timeout(1h, work())).has_value());
  });
}

using Reasons = std::vector<CancelReason>;

/// Notes in its destructor why it is destroyed.
class NoteReason {
 public:
  explicit NoteReason(Reasons& noted) noexcept : noted_(&noted) {}
  NoteReason(const NoteReason&) = delete;
  NoteReason& operator=(const NoteReason&) = delete;
  ~NoteReason() { noted_->push_back(cancellation_reason()); }

 private:
  Reasons* noted_;
};
Task<> note(Reasons* noted) {
  const NoteReason at_end(*noted);
  co_await suspend();
}
/// Notes the reason that each of four nested tasks finds.
Task<> note_deep(Reasons* noted) {
  const NoteReason at_end(*noted);
  auto body = [=](TaskGroup& group) -> Task<> {
    group.spawn(note, noted);
    (void)co_await timeout(1h, note(noted));
  };
  co_await when_any(with_group(body), note(noted));
}

TEST(CancellationReason, IsNoneInATaskThatIsNotCancelled) {
  EXPECT_EQ(cancellation_reason(), CancelReason::none);
  Reasons noted;
  run([&]() -> Task<> {
    EXPECT_EQ(cancellation_reason(), CancelReason::none);
    auto ends = [&]() -> Task<> {
      const NoteReason at_end(noted);
      co_await yield_now();
    };
    (void)co_await timeout(1h, ends());
    co_await ends();
    Reasons others;
    co_await when_any(note(&others), yield_now());
    EXPECT_EQ(cancellation_reason(), CancelReason::none) << "after others were cancelled";
  });
  EXPECT_EQ(noted, (Reasons{CancelReason::none, CancelReason::none}));
}

TEST(CancellationReason, SaysWhatHasEndedTheTask) {
  Reasons noted;
  run([&]() -> Task<> {
    (void)co_await timeout(1ms, note(&noted));
    auto aborted = spawn(note, &noted);
    co_await yield_now();
    aborted.abort();
    (void)co_await aborted;
    auto body = [&](TaskGroup& group) -> Task<> {
      group.spawn(note, &noted);
      co_await yield_now();
      group.cancel();
    };
    co_await with_group(body);
    auto failing = [&](TaskGroup& group) -> Task<Result<>> {
      group.spawn(note, &noted);
      co_await yield_now();
      co_return failure(std::errc::io_error);
    };
    EXPECT_FALSE((co_await with_group(failing)).has_value());
    co_await when_any(note(&noted), yield_now());
    {
      JoinSet<void> set;
      set.spawn(note, &noted);
      co_await yield_now();
      const Pinned held(note(&noted));
    }
    spawn(note, &noted).detach();
    co_await yield_now();
  });
  EXPECT_EQ(noted, (Reasons{CancelReason::deadline, CancelReason::abort, CancelReason::group,
                            CancelReason::group, CancelReason::other_branch, CancelReason::dropped,
                            CancelReason::dropped, CancelReason::end_of_block_on}));
}

TEST(CancellationReason, OfTheOutermostCancellationHoldsForAllThatItDestroys) {
  Reasons noted;
  run([&]() -> Task<> {
    (void)co_await timeout(1ms, note_deep(&noted));
    EXPECT_EQ(noted, Reasons(4, CancelReason::deadline));
    noted.clear();
    (void)co_await timeout(1ms, when_all(note_deep(&noted)));
    EXPECT_EQ(noted, Reasons(4, CancelReason::deadline));
    noted.clear();
    co_await when_any(note_deep(&noted), yield_now());
    EXPECT_EQ(noted, Reasons(4, CancelReason::other_branch));
    noted.clear();
    auto aborted = spawn(note_deep, &noted);
    co_await yield_now();
    co_await yield_now();  // so that the task of the group runs
    aborted.abort();
    (void)co_await aborted;
    EXPECT_EQ(noted, Reasons(4, CancelReason::abort));
    noted.clear();
    spawn(note_deep, &noted).detach();
    co_await yield_now();
    co_await yield_now();
  });
  EXPECT_EQ(noted, Reasons(4, CancelReason::end_of_block_on));
}

TEST(CancellationReason, OfATaskThatHasNeverRunIsTheEndOfItsThread) {
  Reasons noted;
  std::thread([&] {
    auto nothing = [](std::unique_ptr<NoteReason>) -> Task<> { co_return; };
    spawn(nothing, std::make_unique<NoteReason>(noted)).detach();
  }).join();
  EXPECT_EQ(noted, (Reasons{CancelReason::end_of_thread}));
}

}  // namespace
}  // namespace eddy
