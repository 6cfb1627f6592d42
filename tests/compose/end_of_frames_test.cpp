// What destructors may do, and what they see, while the frames of a task are destroyed.
// SPDX-License-Identifier: MIT
#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::run;

class ThrowsAtEnd {
 public:
  ThrowsAtEnd() = default;
  ThrowsAtEnd(const ThrowsAtEnd&) = delete;
  ThrowsAtEnd& operator=(const ThrowsAtEnd&) = delete;
  ~ThrowsAtEnd() noexcept(false) { throw std::runtime_error("from a destructor"); }
};

Task<> suspend_in_a_task() { co_await suspend(); }

// A task with a name keeps its owner in a cell, which is released before the frames.
TEST(EndOfFrames, AnExceptionOfABranchOfANamedTaskIsReportedWithItsPlace) {
  JoinHandle<>* handle = nullptr;
  const auto branch = [&]() -> Task<> {
    co_await yield_now();
    handle->abort();
    throw std::runtime_error("lost");
  };
  const auto owner = [&]() -> Task<> {
    name_task("named");
    co_await when_all(branch(), suspend_in_a_task());
  };
  testing::internal::CaptureStderr();
  run([&]() -> Task<> {
    JoinHandle<> task = spawn(owner);
    handle = &task;
    const auto joined = co_await task;
    EXPECT_TRUE(!joined && joined.error().is_cancelled());
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("spawned at "), std::string::npos) << said;
  EXPECT_NE(said.find("end_of_frames_test.cpp:"), std::string::npos) << said;
  EXPECT_NE(said.find(": lost\n"), std::string::npos) << said;
}

TEST(EndOfFramesDeathTest, AThrowingDestructorInANamedTaskIsReportedWithTheSpawn) {
  const auto named = []() -> Task<> {
    name_task("named");
    const ThrowsAtEnd thrower;
    co_await suspend();
  };
  const auto program = [&]() -> Task<> {
    JoinHandle<> task = spawn(named);
    co_await yield_now();
    task.abort();
    (void)co_await task;
  };
  EXPECT_DEATH(block_on(program()),
               "a destructor threw.*spawned at .*end_of_frames_test.cpp:.*from a destructor");
}

TEST(EndOfFramesDeathTest, AThrowingDestructorInATaskOfAGroupIsReportedWithTheSpawn) {
  const auto member = []() -> Task<> {
    const ThrowsAtEnd thrower;
    co_await suspend();
  };
  const auto fails = []() -> Task<> {
    co_await yield_now();
    throw std::runtime_error("first");
  };
  const auto body = [&](TaskGroup& group) -> Task<> {
    group.spawn(member);
    group.spawn(fails);
    co_return;
  };
  const auto program = [&]() -> Task<> { co_await with_group(body); };
  EXPECT_DEATH(block_on(program()),
               "a destructor threw.*spawned at .*end_of_frames_test.cpp:.*from a destructor");
}

/// A clean-up that a destructor spawns, in a task that a shielded task has spawned.
struct CleanUp {
  bool ran = false;
  bool cancelled = false;

  Task<> run() {
    const AtEnd at_end([this] { cancelled = !ran; });
    co_await yield_now();
    co_await yield_now();
    ran = true;
  }
  void start() { spawn(&CleanUp::run, this).detach(); }
};

TEST(EndOfFrames, ATaskSpawnedByADestructorOfAnAbortedTaskUnderAShieldRunsToItsEnd) {
  CleanUp clean_up;
  const auto connection = [&]() -> Task<> {
    const AtEnd at_end([&] { clean_up.start(); });
    co_await suspend();
  };
  const auto work = [&]() -> Task<> {
    co_await yield_now();  // until the end of block_on has begun
    JoinHandle<> task = spawn(connection);
    co_await yield_now();
    task.abort();
    (void)co_await task;
    while (!clean_up.ran && !clean_up.cancelled) co_await yield_now();
  };
  run([&]() -> Task<> { co_await when_any(shield(work()), yield_now()); });
  EXPECT_TRUE(clean_up.ran);
  EXPECT_FALSE(clean_up.cancelled);
}

TEST(EndOfFrames, ATaskSpawnedByADestructorOfAnArgumentUnderAShieldRunsToItsEnd) {
  CleanUp clean_up;
  class Starts {
   public:
    explicit Starts(CleanUp& started) : started_(&started) {}
    Starts(Starts&& other) noexcept : started_(std::exchange(other.started_, nullptr)) {}
    Starts& operator=(Starts&&) = delete;
    ~Starts() {
      if (started_ != nullptr) started_->start();
    }

   private:
    CleanUp* started_;
  };
  const auto connection = [](Starts) -> Task<> { co_await yield_now(); };
  const auto work = [&]() -> Task<> {
    co_await yield_now();
    JoinHandle<> task = spawn(connection, Starts(clean_up));
    (void)co_await task;
    while (!clean_up.ran && !clean_up.cancelled) co_await yield_now();
  };
  run([&]() -> Task<> { co_await when_any(shield(work()), yield_now()); });
  EXPECT_TRUE(clean_up.ran);
  EXPECT_FALSE(clean_up.cancelled);
}

}  // namespace
}  // namespace eddy
