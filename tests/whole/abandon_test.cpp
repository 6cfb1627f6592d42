// An operation is abandoned exactly once by whatever ends its wait before its time, and before the
// frame that holds it goes.
// SPDX-License-Identifier: MIT
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"

#include "support/result.hpp"
#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::failed_with;
using test::run;
using test::succeeded;

/// What happened to one `CountedOp`.
struct Story {
  int abandoned = 0;
  bool frame_gone = false;
  bool waits = false;
  std::optional<Waker> waker;
  std::optional<Result<>> result;
};

/// Waits for any wake; on `source`, if there is one. The kernel would use it until it is abandoned.
class CountedOp final : public detail::Operation {
 public:
  static constexpr detail::OperationTraits kTraits{
      .refers_to_others = true, .completes_on_any_wake = true, .abandons = true};

  explicit CountedOp(Story& story, IoSource* source = nullptr) noexcept
      : story_(&story), source_(source) {}
  CountedOp(CountedOp&&) noexcept = default;
  CountedOp& operator=(CountedOp&&) = delete;
  ~CountedOp() { EXPECT_FALSE(waits_) << "destroyed while it waits"; }

  bool try_start() noexcept { return false; }
  bool begin_wait(detail::Waiter& waiter) noexcept {
    if (source_ != nullptr && !detail::SourceAccess(*source_).wait(Direction::read, waiter))
      return false;
    waits_ = story_->waits = true;
    return true;
  }
  bool advance(detail::Waiter& waiter) noexcept override {
    if (source_ != nullptr && !waiter.unwatch()) cancelled_ = true;
    EXPECT_EQ(waits_, !cancelled_) << "abandoned, if the source has gone, and only then";
    waits_ = false;
    return true;
  }
  detail::Waiting describe() const noexcept override { return {"a count", kNoSource}; }
  void abandon() noexcept override {
    EXPECT_TRUE(waits_) << "abandoned twice, or when it did not wait";
    EXPECT_FALSE(story_->frame_gone) << "abandoned after the destructors of its frame";
    waits_ = false;
    ++story_->abandoned;
  }
  Result<> take() noexcept {
    if (cancelled_) return failure(std::errc::operation_canceled);
    return {};
  }

 private:
  Story* story_;
  IoSource* source_;
  bool waits_ = false;
  bool cancelled_ = false;
};

Task<> wait_on(Story& story, IoSource* source = nullptr) {
  story.waker = co_await current_waker();
  const AtEnd gone([&] { story.frame_gone = true; });
  story.result = co_await CountedOp(story, source);
}

Task<> start(JoinHandle<>& handle, Story& story, IoSource* source = nullptr) {
  handle = spawn(wait_on, std::ref(story), source);
  while (!story.waits) co_await yield_now();
}

Task<> expect_cancelled(JoinHandle<>& handle) {
  const JoinResult<void> joined = co_await handle;
  EXPECT_TRUE(!joined && joined.error().is_cancelled());
}

Task<> fail_later() {
  co_await yield_now();
  throw std::runtime_error("on purpose");
}

Task<> end_later() { co_await yield_now(); }

/// A pipe that nobody writes to, and whose reader is a source.
struct QuietPipe {
  QuietPipe() : QuietPipe(sys::create_pipe().value()) {}
  explicit QuietPipe(Pipe pipe) : reader(std::move(pipe.reader)), writer(std::move(pipe.writer)) {}

  IoSource reader;
  Fd writer;
};

TEST(Abandon, IsNotForAnOperationThatCompletes) {
  Story story;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(wait_on, std::ref(story), nullptr);
    while (!story.waits) co_await yield_now();
    story.waker->wake();
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_TRUE(story.result.has_value() && succeeded(*story.result));
  EXPECT_EQ(story.abandoned, 0);
}

TEST(Abandon, ComesWithATimeLimitThatExpires) {
  Story story;
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, CountedOp(story)), Error::deadline_exceeded));
    EXPECT_EQ(story.abandoned, 1);
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesWithEitherOfTwoLimitsOnce) {
  struct Limits {
    Duration outer;
    Duration inner;
  };
  for (const Limits& limits : {Limits{1h, 1h}, Limits{1h, 1ms}, Limits{1ms, 1h}}) {
    Story story;
    run([&]() -> Task<> {
      const auto wait = [&]() -> Task<> {
        (void)co_await timeout(limits.outer, timeout(limits.inner, CountedOp(story)));
      };
      JoinHandle<> handle = spawn(wait);
      while (!story.waits) co_await yield_now();
      if (limits.outer == limits.inner) handle.abort();
      (void)co_await handle;
    });
    EXPECT_EQ(story.abandoned, 1);
  }
}

TEST(Abandon, ComesWithATimeLimitOnATaskThatExpires) {
  Story story;
  run([&]() -> Task<> {
    EXPECT_TRUE(failed_with(co_await timeout(1ms, wait_on(story)), Error::deadline_exceeded));
    EXPECT_EQ(story.abandoned, 1);
    EXPECT_TRUE(story.frame_gone);
  });
}

TEST(Abandon, ReachesAnOperationInOk) {
  Story story;
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<Result<>> {
      co_await ok(CountedOp(story));
      co_return {};
    };
    JoinHandle<Result<>> handle = spawn(wait);
    while (!story.waits) co_await yield_now();
    handle.abort();
    (void)co_await handle;
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesWithTheEndOfABranchThatAnotherWins) {
  Story of_operation;
  Story of_task;
  run([&]() -> Task<> {
    const auto first = co_await when_any(CountedOp(of_operation), wait_on(of_task), end_later());
    EXPECT_EQ(first.index(), 2);
    EXPECT_EQ(of_operation.abandoned, 1);
    EXPECT_EQ(of_task.abandoned, 1);
  });
}

TEST(Abandon, ComesWithTheEndOfABranchWhenAnotherThrows) {
  Story story;
  run([&]() -> Task<> {
    try {
      (void)co_await when_all(wait_on(story), fail_later());
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(story.abandoned, 1);
  });
}

TEST(Abandon, ComesWithTheEndOfAGroup) {
  Story cancelled;
  Story failed;
  run([&]() -> Task<> {
    const auto cancel = [&](TaskGroup& group) -> Task<> {
      group.spawn(wait_on, std::ref(cancelled), nullptr);
      while (!cancelled.waits) co_await yield_now();
      group.cancel();
    };
    co_await with_group(std::ref(cancel));
    EXPECT_EQ(cancelled.abandoned, 1);

    const auto fail = [&](TaskGroup& group) -> Task<> {
      group.spawn(wait_on, std::ref(failed), nullptr);
      while (!failed.waits) co_await yield_now();
      co_await fail_later();
    };
    try {
      co_await with_group(std::ref(fail));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(failed.abandoned, 1);
  });
}

TEST(Abandon, ComesWithAnAbort) {
  Story story;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story);
    handle.abort();
    co_await expect_cancelled(handle);
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesWithAnAbortOfATaskThatWasWokenAlready) {
  Story story;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story);
    story.waker->wake();
    handle.abort();
    co_await expect_cancelled(handle);
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesWithAnAbortOfATaskWithoutBudget) {
  Story story;
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<> {
      for (int i = 0; i < detail::kBudget; ++i) (void)co_await current_waker();
      (void)co_await CountedOp(story);
    };
    JoinHandle<> handle = spawn(wait);
    co_await yield_now();
    EXPECT_TRUE(story.waits);
    handle.abort();
    co_await expect_cancelled(handle);
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesWithTheEndOfBlockOn) {
  Story story;
  run([&]() -> Task<> {
    spawn(wait_on, std::ref(story), nullptr).detach();
    while (!story.waits) co_await yield_now();
  });
  EXPECT_EQ(story.abandoned, 1);
  EXPECT_TRUE(story.frame_gone);
}

Task<> own(IoSource source, IoSource*& place) {
  place = &source;
  co_await suspend();
}

// The task that owns the source goes first, and closes it, when the waiting one is about to go too.
TEST(Abandon, ComesWithTheEndOfBlockOnAlsoIfTheSourceGoesFirst) {
  Story story;
  run([&]() -> Task<> {
    QuietPipe pipe;
    IoSource* place = nullptr;
    spawn(own, std::move(pipe.reader), std::ref(place)).detach();
    co_await yield_now();
    spawn(wait_on, std::ref(story), place).detach();
    while (!story.waits) co_await yield_now();
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesBeforeTheSourceIsClosed) {
  Story story;
  QuietPipe pipe;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story, &pipe.reader);
    pipe.reader.close();
    EXPECT_EQ(story.abandoned, 1);
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_TRUE(failed_with(story.result.value(), std::errc::operation_canceled));
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesBeforeTheSourceIsGivenUp) {
  Story story;
  QuietPipe pipe;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story, &pipe.reader);
    const Fd given = pipe.reader.into_fd();
    EXPECT_EQ(story.abandoned, 1);
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_TRUE(failed_with(story.result.value(), std::errc::operation_canceled));
}

TEST(Abandon, ReachesAWokenTaskWhoseSourceIsClosed) {
  Story story;
  QuietPipe pipe;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story, &pipe.reader);
    story.waker->wake();
    pipe.reader.close();
    EXPECT_EQ(story.abandoned, 1);
    EXPECT_TRUE((co_await handle).has_value());
  });
}

TEST(Abandon, ComesOnceIfTheTaskOfAClosedSourceIsAborted) {
  Story story;
  QuietPipe pipe;
  run([&]() -> Task<> {
    JoinHandle<> handle = spawn(end_later);
    co_await start(handle, story, &pipe.reader);
    pipe.reader.close();
    handle.abort();
    co_await expect_cancelled(handle);
  });
  EXPECT_EQ(story.abandoned, 1);
}

TEST(Abandon, ComesOnceIfTheSourceOfATimedOperationIsClosed) {
  Story story;
  QuietPipe pipe;
  run([&]() -> Task<> {
    const auto wait = [&]() -> Task<> {
      EXPECT_TRUE(failed_with(co_await timeout(1h, CountedOp(story, &pipe.reader)),
                              std::errc::operation_canceled));
    };
    JoinHandle<> handle = spawn(wait);
    while (!story.waits) co_await yield_now();
    pipe.reader.close();
    EXPECT_TRUE((co_await handle).has_value());
  });
  EXPECT_EQ(story.abandoned, 1);
}

}  // namespace
}  // namespace eddy
