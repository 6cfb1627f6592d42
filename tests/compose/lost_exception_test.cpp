// No exception or error of a task is lost in silence.
// SPDX-License-Identifier: MIT
#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/join_handle.hpp"
#include "eddy/task/spawn.hpp"

#include "support/run.hpp"
#include "support/said_by.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::run;
using test::said_by;

Task<> fail(std::string what = "of the task") {
  throw std::runtime_error(what);
  co_return;
}

Task<> fail_later() {
  co_await yield_now();
  throw std::runtime_error("of the task");
}

Task<> wait_for_ever() { co_await suspend(); }

Task<> expect_cancelled(JoinHandle<void>& handle) {
  const JoinResult<void> joined = co_await handle;
  EXPECT_TRUE(!joined && joined.error().is_cancelled());
}

/// How often `text` contains `part`.
int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++found;
  }
  return found;
}

constexpr const char* kNobody = "nobody received an exception of the task spawned at ";
constexpr const char* kHere = "lost_exception_test.cpp:";

void expect_reported(const std::string& said) {
  EXPECT_EQ(count(said, kNobody), 1) << said;
  EXPECT_EQ(count(said, kHere), 1) << said;
  EXPECT_EQ(count(said, ": of the task\n"), 1) << said;
  EXPECT_EQ(count(said, "\n"), 1) << said;
}

TEST(LostException, OfAHandleThatIsDestroyedAfterItsTaskThrewIsReported) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      const JoinHandle<void> handle = spawn([]() { return fail(); });
      co_await yield_now();
      EXPECT_TRUE(handle.finished());
    });
  }));
}

TEST(LostException, OfAHandleThatIsDetachedAfterItsTaskThrewIsReportedAtOnce) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn([]() { return fail(); });
    co_await yield_now();
    expect_reported(said_by([&] { std::move(handle).detach(); }));
  });
}

TEST(LostException, OfAHandleThatAnotherIsAssignedToIsReportedAtOnce) {
  run([]() -> Task<> {
    JoinHandle<void> handle = spawn([]() { return fail(); });
    co_await yield_now();
    JoinHandle<void> other = spawn(wait_for_ever);
    expect_reported(said_by([&] { handle = std::move(other); }));
    EXPECT_FALSE(handle.finished());
  });
}

TEST(LostException, OfAHandleThatWasMovedIsReportedOnce) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      JoinHandle<void> handle = spawn([]() { return fail(); });
      co_await yield_now();
      const JoinHandle<void> moved = std::move(handle);
      EXPECT_TRUE(moved.finished());
    });
  }));
}

TEST(LostException, OfATaskWhoseJoinerIsCancelledAtTheEndOfBlockOnIsReported) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      auto joiner = []() -> Task<> {
        JoinHandle<void> handle = spawn([]() { return fail(); });
        co_await suspend();
        EXPECT_TRUE((co_await handle).has_value());
      };
      spawn(joiner).detach();
      for (int i = 0; i < 4; ++i) co_await yield_now();
    });
  }));
}

// The branch has ended; its task waits for its turn.
TEST(LostException, OfABranchWhoseTaskIsAbortedBeforeItsTurnIsReportedWithThePlace) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      JoinHandle<void> handle = spawn([]() -> Task<> {
        for (int i = 0; i < detail::kBudget; ++i) static_cast<void>(co_await current_waker());
        static_cast<void>(co_await when_all(fail()));
        ADD_FAILURE() << "went on";
      });
      co_await yield_now();
      handle.abort();
      co_await expect_cancelled(handle);
    });
  }));
}

TEST(LostException, OfAHandleThatOutlivesBlockOnIsReportedWhenTheHandleIsDestroyed) {
  std::optional<JoinHandle<void>> handle;
  EXPECT_EQ(said_by([&] {
              run([&]() -> Task<> {
                handle.emplace(spawn([]() { return fail(); }));
                co_await yield_now();
              });
            }),
            "");
  expect_reported(said_by([&] { handle.reset(); }));
}

TEST(LostException, ThatAJoinHasGivenIsNotReported) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                JoinHandle<void> handle = spawn([]() { return fail(); });
                EXPECT_FALSE((co_await handle).has_value());
                EXPECT_NE((co_await handle).error().exception(), nullptr) << "each join is told";
              });
            }),
            "");
}

// The shielded task ends after its awaiter was aborted, and before the loop destroys the awaiter.
TEST(LostException, OfAShieldedTaskThatThrewBeforeItsAwaiterWasCancelledIsReported) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      std::optional<AbortHandle> abort;
      auto shielded = [&]() -> Task<> {
        co_await yield_now();
        abort->abort();
        throw std::runtime_error("of the task");
      };
      auto awaiter = [&]() -> Task<> { co_await shield(shielded()); };
      JoinHandle<void> handle = spawn(awaiter);
      abort.emplace(handle.abort_handle());
      co_await expect_cancelled(handle);
    });
  }));
}

/// Awaits a branch, by `wait`. The branch aborts this task, then throws.
template <class F>
std::string abort_from_a_branch(F wait) {
  return said_by([&] {
    run([&]() -> Task<> {
      std::optional<AbortHandle> abort;
      auto branch = [&]() -> Task<> {
        co_await yield_now();
        abort->abort();
        throw std::runtime_error("of the task");
      };
      auto awaiter = [&]() -> Task<> { co_await wait(branch()); };
      JoinHandle<void> handle = spawn(awaiter);
      abort.emplace(handle.abort_handle());
      co_await expect_cancelled(handle);
    });
  });
}

TEST(LostException, OfABranchOfAWhenAnyThatIsCancelledIsReported) {
  expect_reported(abort_from_a_branch(
      [](Task<> branch) { return when_any(std::move(branch), wait_for_ever()); }));
}

TEST(LostException, OfABranchOfAWhenAllThatIsCancelledIsReported) {
  expect_reported(abort_from_a_branch(
      [](Task<> branch) { return when_all(std::move(branch), wait_for_ever()); }));
}

TEST(LostException, OfATaskWithATimeLimitThatIsCancelledIsReported) {
  expect_reported(abort_from_a_branch([](Task<> branch) -> Task<> {
    EXPECT_TRUE((co_await timeout(1h, std::move(branch))).has_value());
  }));
}

TEST(LostException, OfABranchInABranchNamesThePlaceOfTheTask) {
  expect_reported(abort_from_a_branch([](Task<> branch) -> Task<> {
    co_await when_all(when_all(std::move(branch), wait_for_ever()), wait_for_ever());
  }));
}

TEST(LostException, OfATaskOfAGroupThatIsCancelledIsReported) {
  expect_reported(said_by([] {
    run([]() -> Task<> {
      std::optional<AbortHandle> abort;
      auto member = [&]() -> Task<> {
        abort->abort();
        throw std::runtime_error("of the task");
        co_return;
      };
      auto body = [&](TaskGroup& group) -> Task<> {
        group.spawn(member);
        co_await suspend();
      };
      auto awaiter = [&]() -> Task<> { co_await with_group(body); };
      JoinHandle<void> handle = spawn(awaiter);
      abort.emplace(handle.abort_handle());
      co_await expect_cancelled(handle);
    });
  }));
}

Task<Result<>> err() { co_return failure(std::errc::timed_out); }

Task<Result<int>> err_later() {
  co_await yield_now();
  co_return failure(std::errc::timed_out);
}

void expect_error_reported(const std::string& said, const std::string& beginning) {
  const std::string message = std::make_error_code(std::errc::timed_out).message();
  EXPECT_EQ(count(said, beginning), 1) << said;
  EXPECT_EQ(count(said, kHere), 1) << said;
  EXPECT_EQ(count(said, ": " + message + '\n'), 1) << said;
  EXPECT_EQ(count(said, "\n"), 1) << said;
}

constexpr const char* kDetached = "a detached task, spawned at ";
constexpr const char* kNobodyGotIt = "nobody received an error of the task spawned at ";

TEST(LostError, OfADetachedTaskIsReportedWithItsPlace) {
  expect_error_reported(said_by([] {
                          run([]() -> Task<> {
                            spawn(err_later).detach();
                            for (int i = 0; i < 3; ++i) co_await yield_now();
                          });
                        }),
                        kDetached);
}

TEST(LostError, OfATaskWhoseHandleIsDroppedOrReplacedIsReported) {
  expect_error_reported(said_by([] {
                          run([]() -> Task<> {
                            {
                              const auto dropped = spawn(err_later);
                            }
                            for (int i = 0; i < 3; ++i) co_await yield_now();
                          });
                        }),
                        kDetached);
  expect_error_reported(said_by([] {
                          run([]() -> Task<> {
                            auto works = []() -> Task<Result<int>> { co_return 1; };
                            auto handle = spawn(err_later);
                            handle = spawn(works);
                            for (int i = 0; i < 3; ++i) co_await yield_now();
                            EXPECT_TRUE(handle.finished());
                          });
                        }),
                        kDetached);
}

TEST(LostError, OfAHandleThatIsDestroyedAfterItsTaskEndedIsReported) {
  expect_error_reported(said_by([] {
                          run([]() -> Task<> {
                            auto first = spawn(err);
                            co_await yield_now();
                            const auto handle = std::move(first);
                            EXPECT_TRUE(handle.finished());
                          });
                        }),
                        kNobodyGotIt);
}

TEST(LostError, OfAHandleThatIsDetachedOrReplacedAfterItsTaskEndedIsReportedAtOnce) {
  run([]() -> Task<> {
    auto handle = spawn(err);
    co_await yield_now();
    expect_error_reported(said_by([&] { std::move(handle).detach(); }), kNobodyGotIt);
    handle = spawn(err);
    co_await yield_now();
    auto other = spawn([]() -> Task<Result<>> { co_return {}; });
    expect_error_reported(said_by([&] { handle = std::move(other); }), kNobodyGotIt);
  });
}

TEST(LostError, ADetachedTaskThatGivesAResultButThrowsIsReportedAsThrowing) {
  const std::string said = said_by([] {
    run([]() -> Task<> {
      auto fails = []() -> Task<Result<>> {
        co_await yield_now();
        throw std::runtime_error("of the task");
      };
      spawn(fails).detach();
      for (int i = 0; i < 3; ++i) co_await yield_now();
    });
  });
  EXPECT_EQ(count(said, "ended with an exception: of the task"), 1) << said;
}

TEST(LostError, ThatAJoinHasGivenIsNotReportedAndNeitherIsASuccess) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                auto joined = spawn(err);
                EXPECT_TRUE((co_await joined).has_value());
                spawn([]() -> Task<Result<>> { co_return {}; }).detach();
                auto cancelled = spawn(err_later);
                co_await yield_now();
                cancelled.abort();
                std::move(cancelled).detach();
                for (int i = 0; i < 3; ++i) co_await yield_now();
              });
            }),
            "");
}

TEST(LostError, OfATaskOfAGroupThatIsCancelledIsReported) {
  const std::string said = said_by([] {
    run([]() -> Task<> {
      std::optional<AbortHandle> abort;
      auto member = [&]() -> Task<Result<>> {
        abort->abort();
        co_return failure(std::errc::timed_out);
      };
      auto body = [&](TaskGroup& group) -> Task<Result<>> {
        group.spawn(member);
        co_await suspend();
        co_return {};
      };
      auto awaiter = [&]() -> Task<> { (void)co_await with_group(body); };
      JoinHandle<void> handle = spawn(awaiter);
      abort.emplace(handle.abort_handle());
      co_await expect_cancelled(handle);
    });
  });
  expect_error_reported(said, kNobodyGotIt);
}

TEST(LostException, ThatComesOutOfWithGroupIsNotReported) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                auto body = [](TaskGroup& group) -> Task<> {
                  group.spawn([]() { return fail("of a member"); });
                  co_await suspend();
                };
                EXPECT_THROW(co_await with_group(body), std::runtime_error);
              });
            }),
            "");
}

TEST(LostException, ThatComesOutOfAWhenAnyAndTheLikeIsNotReported) {
  EXPECT_EQ(said_by([] {
              run([]() -> Task<> {
                EXPECT_THROW(co_await when_any(fail(), wait_for_ever()), std::runtime_error);
                EXPECT_THROW(co_await when_any(fail_later(), wait_for_ever()), std::runtime_error);
                EXPECT_THROW(co_await when_all(fail_later(), wait_for_ever()), std::runtime_error);
                EXPECT_THROW((void)co_await timeout(1h, fail_later()), std::runtime_error);
              });
            }),
            "");
}

TEST(LostException, OfATaskThatThrowsNoStdExceptionIsReportedWithItsPlace) {
  const std::string said = said_by([] {
    run([]() -> Task<> {
      const JoinHandle<void> handle = spawn([]() -> Task<> {
        throw 5;  // NOLINT: not an std::exception, on purpose
        co_return;
      });
      co_await yield_now();
    });
  });
  EXPECT_EQ(count(said, kNobody), 1) << said;
  EXPECT_EQ(count(said, kHere), 1) << said;
}

}  // namespace
}  // namespace eddy
