// Memory of suspended fibers of Boost.Fiber, on stacks of 16 KiB.
// SPDX-License-Identifier: MIT

#include "resident.h"

#include <memory>
#include <mutex>

#include <boost/fiber/all.hpp>

namespace {

boost::fibers::mutex mutex;
boost::fibers::condition_variable never;

void start() {
  static boost::fibers::fixedsize_stack stacks(16384);
  boost::fibers::fiber(boost::fibers::launch::dispatch, std::allocator_arg, stacks, [] {
    std::unique_lock lock(mutex);
    never.wait(lock);
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  const long count = parse_count(argc, argv);
  start();
  const double before = resident_bytes();
  for (long i = 0; i < count; ++i) start();
  print_each(before, count);
}
