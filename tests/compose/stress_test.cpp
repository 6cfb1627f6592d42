// Random programs: in each of them every object is destroyed once, on its own thread, and block_on
// ends.
// SPDX-License-Identifier: MIT
#include "eddy/compose/shield.hpp"
#include "eddy/compose/task_group.hpp"
#include "eddy/compose/timeout.hpp"
#include "eddy/compose/when_all.hpp"
#include "eddy/compose/when_any.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/ok.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/time/sleep.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

namespace eddy {
namespace {

using namespace std::chrono_literals;
using test::AtEnd;
using test::Guard;
using test::run;
using test::Tally;

/// Wakers and abort handles that another thread uses at random while the program runs.
class Meddler {
 public:
  explicit Meddler(std::uint32_t seed) : thread_([this, seed] { meddle(seed); }) {}
  Meddler(const Meddler&) = delete;
  Meddler& operator=(const Meddler&) = delete;
  ~Meddler() {
    stop_ = true;
    thread_.join();
  }

  void add(const Waker& waker) {
    const std::lock_guard lock(mutex_);
    wakers_.push_back(waker);
    if (wakers_.size() > 64) wakers_.erase(wakers_.begin(), wakers_.begin() + 32);
  }
  void add(const AbortHandle& abort) {
    const std::lock_guard lock(mutex_);
    aborts_.push_back(abort);
    if (aborts_.size() > 64) aborts_.erase(aborts_.begin(), aborts_.begin() + 32);
  }

 private:
  void meddle(std::uint32_t seed) {
    std::mt19937 random(seed);
    while (!stop_.load()) {
      std::optional<Waker> waker;
      std::optional<AbortHandle> abort;
      {
        const std::lock_guard lock(mutex_);
        if (!wakers_.empty()) waker = wakers_[random() % wakers_.size()];
        if (!aborts_.empty() && random() % 8 == 0) abort = aborts_[random() % aborts_.size()];
      }
      if (waker) waker->wake();
      if (abort) abort->abort();
      std::this_thread::yield();
    }
  }

  std::mutex mutex_;
  std::vector<Waker> wakers_;
  std::vector<AbortHandle> aborts_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

/// A program that decides at random what it does next.
class Program {
 public:
  Program(std::uint32_t seed, Tally& tally, Meddler* meddler)
      : random_(seed), tally_(&tally), meddler_(meddler) {}

  Task<> main(int steps) {
    for (int i = 0; i < steps; ++i) {
      if (dice(4) == 0) {
        tend_handles();
      } else {
        co_await quietly(step(kDepth, Guard(*tally_)));
      }
    }
  }

 private:
  static constexpr int kDepth = 4;

  unsigned dice(unsigned sides) { return static_cast<unsigned>(random_() % sides); }
  Duration brief() { return dice(3) == 0 ? Duration(0s) : Duration(1us) * dice(200); }

  /// Awaits `task`, which may throw.
  Task<> quietly(Task<int> task) {
    try {
      static_cast<void>(co_await std::move(task));
    } catch (const std::runtime_error&) {
    }
  }

  /// One thing that a task may do, and what its locals' destructors do.
  Task<int> step(int depth, Guard) {
    const Guard local(*tally_);
    const AtEnd at_end([this] { on_destruction(); });
    if (depth == 0) co_return co_await leaf();
    switch (dice(11)) {
      case 0: {
        const auto first =
            co_await when_any(step(depth - 1, local), step(depth - 1, local), sleep_for(brief()));
        co_return static_cast<int>(first.index());
      }
      case 1:
        static_cast<void>(co_await when_all(step(depth - 1, local), step(depth - 1, local)));
        co_return 1;
      case 2:
        co_return (co_await timeout(brief(), step(depth - 1, local))).value_or(0);
      case 3:
        co_return co_await group(depth, 1 + dice(4));
      case 4:
        keep(spawn(&Program::kept_step, this, depth - 1, local));
        co_return 2;
      case 5: {
        JoinHandle<int> handle = spawn(&Program::step, this, depth - 1, local);
        if (meddler_ != nullptr) meddler_->add(handle.abort_handle());
        if (dice(3) == 0) handle.abort();
        const JoinResult<int> joined = co_await handle;
        co_return joined ? *joined : -1;
      }
      case 6:
        co_return co_await shield(step(depth - 1, local));
      case 7:
        co_return (co_await with_error(depth)).value_or(-2);
      case 8: {
        std::vector<Task<int>> tasks;
        for (unsigned i = dice(5); i > 0; --i) tasks.push_back(step(depth - 1, local));
        const std::vector<int> values = co_await when_all(std::move(tasks));
        co_return static_cast<int>(values.size());
      }
      case 9: {
        if (handles_.empty()) co_return 0;
        // The join ends even if somebody aborts the task or drops the handle meanwhile.
        const std::size_t which = dice(static_cast<unsigned>(handles_.size()));
        co_return (co_await timeout(brief(), *handles_[which])).has_value() ? 1 : 0;
      }
      default:
        for (unsigned i = dice(4); i > 0; --i) {
          static_cast<void>(co_await step(depth - 1, local));
        }
        co_return 3;
    }
  }

  /// A task without a value, so that several may join it.
  Task<> kept_step(int depth, Guard guard) { static_cast<void>(co_await step(depth, guard)); }

  Task<int> leaf() {
    switch (dice(9)) {
      case 0:
        co_await sleep_for(brief());
        co_return 1;
      case 1:
        throw std::runtime_error("of a leaf");
      case 2: {
        const Waker waker = co_await current_waker();
        if (meddler_ != nullptr) meddler_->add(waker);
        wakers_.push_back(waker);
        if (wakers_.size() > 32) wakers_.erase(wakers_.begin(), wakers_.begin() + 16);
        if (dice(2) == 0) waker.wake();
        static_cast<void>(co_await timeout(100us, suspend()));
        co_return 2;
      }
      case 3:
        for (int i = 0; i < 150; ++i) co_await sleep_for(0s);
        co_return 3;
      default:
        for (unsigned i = dice(4); i > 0; --i) co_await yield_now();
        co_return 4;
    }
  }

  Task<Result<int>> with_error(int depth) {
    const Guard local(*tally_);
    auto inner = [](Program& program, int inner_depth, Guard guard) -> Task<Result<int>> {
      const int value = co_await program.step(inner_depth, guard);
      if (program.dice(2) == 0) co_return failure(std::errc::io_error);
      co_return value;
    };
    const int value = co_await ok(inner(*this, depth - 1, local));
    co_return value + co_await ok(timeout(brief(), inner(*this, depth - 1, local)));
  }

  Task<int> group(int depth, unsigned tasks) {
    auto body = [&](TaskGroup& scope) -> Task<int> {
      const Guard local(*tally_);
      auto child = [](Program& program, TaskGroup& mine, int child_depth, Guard guard) -> Task<> {
        const AtEnd at_end([&] {
          if (program.dice(8) == 0) mine.cancel();
        });
        static_cast<void>(co_await program.step(child_depth, guard));
        if (program.dice(6) == 0) mine.cancel();
        if (program.dice(6) == 0) {
          mine.spawn(
              [](Program& p, Guard g) -> Task<> { static_cast<void>(co_await p.step(0, g)); },
              std::ref(program), guard);
        }
      };
      for (unsigned i = 0; i < tasks; ++i) {
        scope.spawn(child, std::ref(*this), std::ref(scope), depth - 1, local);
      }
      if (dice(3) == 0) co_await scope.idle();
      if (dice(4) == 0) scope.cancel();
      if (dice(4) == 0) co_return co_await step(depth - 1, local);
      co_return 5;
    };
    co_return co_await with_group(body);
  }

  void keep(JoinHandle<void> handle) {
    if (meddler_ != nullptr) meddler_->add(handle.abort_handle());
    handles_.push_back(std::make_unique<JoinHandle<void>>(std::move(handle)));
  }

  /// Aborts, detaches and drops handles, even while tasks wait for them.
  void tend_handles() {
    for (const auto& handle : handles_) {
      if (dice(4) == 0) handle->abort();
    }
    if (handles_.size() > 8) std::erase_if(handles_, [&](const auto&) { return dice(2) != 0; });
  }

  void on_destruction() {
    switch (dice(12)) {
      case 0:
        if (!wakers_.empty()) wakers_[dice(static_cast<unsigned>(wakers_.size()))].wake();
        break;
      case 1:
        if (!handles_.empty()) handles_[dice(static_cast<unsigned>(handles_.size()))]->abort();
        break;
      case 2:
        if (!handles_.empty()) handles_.pop_back();
        break;
      case 3:
        keep(spawn(&Program::kept_step, this, 0, Guard(*tally_)));
        break;
      default:
        break;
    }
  }

  std::mt19937 random_;
  Tally* tally_;
  Meddler* meddler_;
  std::vector<Waker> wakers_;
  std::vector<std::unique_ptr<JoinHandle<void>>> handles_;  ///< which stay in place when awaited
};

class Stress : public testing::TestWithParam<std::uint32_t> {
 protected:
  Stress() { testing::internal::CaptureStderr(); }  // detached tasks that throw are reported
  ~Stress() override { testing::internal::GetCapturedStderr(); }
};

TEST_P(Stress, ARandomProgramOnOneThreadDestroysEveryFrameOnce) {
  Tally tally;
  {
    Program program(GetParam(), tally, nullptr);
    block_on(program.main(400));
  }
  EXPECT_GT(tally.made, 1000);
  EXPECT_EQ(tally.made, tally.gone);
  EXPECT_TRUE(tally.all_gone_once());
}

TEST_P(Stress, ARandomProgramSurvivesAThreadThatWakesAndAborts) {
  Tally tally;
  {
    Meddler meddler(GetParam());
    Program program(GetParam() * 31 + 7, tally, &meddler);
    block_on(program.main(200));
  }
  EXPECT_EQ(tally.made, tally.gone);
  EXPECT_TRUE(tally.all_gone_once());
}

INSTANTIATE_TEST_SUITE_P(Seed, Stress, testing::Range<std::uint32_t>(1, 21));

}  // namespace
}  // namespace eddy
