// Tasks of Boost.Fiber, on pooled stacks, and what they share.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <iterator>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <boost/fiber/all.hpp>

namespace {

boost::fibers::pooled_fixedsize_stack stacks;

template <class F>
boost::fibers::fiber start(F function) {
  return boost::fibers::fiber(boost::fibers::launch::post, std::allocator_arg, stacks, function);
}

void spawn_and_join(long rounds, long) {
  begin();
  for (long i = 0; i < rounds; ++i) start([] {}).join();
  end();
}

void yield(long rounds, long) {
  std::vector<boost::fibers::fiber> fibers;
  begin();
  for (int i = 0; i < kYielders; ++i) {
    fibers.push_back(start([rounds] {
      for (long j = 0; j < rounds / kYielders; ++j) boost::this_fiber::yield();
    }));
  }
  for (auto& fiber : fibers) fiber.join();
  end();
}

void mutex(long rounds, long) {
  boost::fibers::mutex mutex;
  long count = 0;
  begin();
  for (long i = 0; i < rounds; ++i) {
    const std::lock_guard locked(mutex);
    ++count;
  }
  end();
}

void contended_mutex(long rounds, long) {
  boost::fibers::mutex mutex;
  std::vector<boost::fibers::fiber> fibers;
  begin();
  for (int i = 0; i < kLockers; ++i) {
    fibers.push_back(start([&] {
      for (;;) {
        const std::lock_guard locked(mutex);
        if (rounds == 0) return;
        --rounds;
        boost::this_fiber::yield();
      }
    }));
  }
  for (auto& fiber : fibers) fiber.join();
  end();
}

void channel(long rounds, long) {
  boost::fibers::buffered_channel<int> values(16);
  int value = 0;
  begin();
  for (long i = 0; i < rounds; ++i) {
    values.push(1);
    values.pop(value);
  }
  end();
}

// It has no channel of one room: of two rooms one stays free.
void channel_between_tasks(long rounds, long) {
  boost::fibers::buffered_channel<int> values(2);
  begin();
  auto sending = start([&] {
    for (long i = 0; i < rounds; ++i) values.push(1);
    values.close();
  });
  int value = 0;
  while (values.pop(value) == boost::fibers::channel_op_status::success) {
  }
  sending.join();
  end();
}

void channel_between_threads(long rounds, long) {
  boost::fibers::buffered_channel<int> values(128);
  begin();
  std::thread thread([&] {
    int value = 0;
    while (values.pop(value) == boost::fibers::channel_op_status::success) {
    }
  });
  for (long i = 0; i < rounds; ++i) values.push(1);
  values.close();
  thread.join();
  end();
}

void oneshot(long rounds, long) {
  begin();
  for (long i = 0; i < rounds; ++i) {
    boost::fibers::promise<int> promise;
    auto value = promise.get_future();
    promise.set_value(1);
    value.get();
  }
  end();
}

constexpr operation kOperations[] = {
    {"spawn_and_join", spawn_and_join},
    {"yield", yield},
    {"mutex", mutex},
    {"contended_mutex", contended_mutex},
    {"channel", channel},
    {"channel_between_tasks", channel_between_tasks},
    {"channel_between_threads", channel_between_threads},
    {"oneshot", oneshot},
};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(argc, argv, kOperations, std::size(kOperations));
}
