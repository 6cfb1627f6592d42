// Several workers on one thread. One of them is current at a time.
// SPDX-License-Identifier: MIT

#include "eddy/platform/sys.hpp"
#include "eddy/reactor/io_source.hpp"
#include "eddy/task/block_on.hpp"
#include "eddy/task/spawn.hpp"
#include "eddy/task/waker.hpp"
#include "eddy/worker/worker.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace eddy {
namespace {

using detail::Worker;

/// While it lives, `worker` is the current worker of this thread.
class Current {
 public:
  explicit Current(Worker& worker) : before_(Worker::switch_to(&worker)) {}
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
  ~Current() { Worker::switch_to(before_); }

 private:
  Worker* before_;
};

Task<> write_twice(std::string& out, char letter) {
  out += letter;
  co_await yield_now();
  out += letter;
}

/// Adds a letter to `out` when its frame is destroyed.
class Farewell {
 public:
  explicit Farewell(std::string& out) : out_(&out) {}
  Farewell(Farewell&& other) noexcept : out_(std::exchange(other.out_, nullptr)) {}
  Farewell& operator=(Farewell&&) = delete;
  ~Farewell() {
    if (out_ != nullptr) *out_ += '.';
  }

 private:
  std::string* out_;
};

Task<> wait_for_ever(Farewell) {
  for (;;) co_await suspend();
}

Task<> write_one(const Fd& writer) {
  EXPECT_TRUE(sys::write(writer.raw(), std::as_bytes(std::span("x", 1))).has_value());
  co_return;
}

/// Waits once, so that the source belongs to the current worker.
Task<> wait_once(IoSource& source, const Fd& writer) {
  JoinHandle<> writing = spawn(write_one, std::ref(writer));
  EXPECT_TRUE((co_await source.readable()).has_value());
  (void)co_await writing;
}

TEST(SeveralWorkers, EachRunsItsOwnTasks) {
  Worker left;
  Worker right;
  std::string out;
  {
    const Current current(left);
    spawn(write_twice, std::ref(out), 'l').detach();
  }
  {
    const Current current(right);
    spawn(write_twice, std::ref(out), 'r').detach();
    block_on(write_twice(out, 'R'));
  }
  EXPECT_EQ(out, "rRrR");
  {
    const Current current(left);
    block_on(write_twice(out, 'L'));
  }
  EXPECT_EQ(out, "rRrRlLlL");
}

TEST(SeveralWorkers, AWorkerThatEndsCancelsItsTasksWhileAnotherIsCurrent) {
  std::string out;
  auto ending = std::make_unique<Worker>();
  {
    const Current current(*ending);
    spawn(wait_for_ever, Farewell(out)).detach();
  }
  Worker& staying = Worker::current();
  ending.reset();
  EXPECT_EQ(out, ".");
  EXPECT_EQ(&Worker::current(), &staying);
}

TEST(SeveralWorkers, ASourceMayOutliveItsWorkerWhileAnotherIsCurrent) {
  Pipe pipe = std::move(sys::create_pipe().value());
  std::optional<IoSource> source(std::in_place, std::move(pipe.reader));
  {
    Worker ending;
    const Current current(ending);
    block_on(wait_once(*source, pipe.writer));
    ASSERT_TRUE(source->is_registered());
  }
  source.reset();
}

}  // namespace
}  // namespace eddy
