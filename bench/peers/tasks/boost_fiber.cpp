// Tasks of Boost.Fiber, on pooled stacks.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <iterator>
#include <memory>
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

constexpr operation kOperations[] = {{"spawn_and_join", spawn_and_join}, {"yield", yield}};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(argc, argv, kOperations, std::size(kOperations));
}
