// SPDX-License-Identifier: MIT

#include "alloc/counting_new.hpp"

#include "eddy/worker/promise_base.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {

constinit thread_local long count = 0;
constinit thread_local long successes_left = -1;

void* allocate(std::size_t size) {
  ++count;
  if (successes_left == 0) {
    successes_left = -1;
    throw std::bad_alloc();
  }
  if (successes_left > 0) --successes_left;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The forms for arrays call these functions, and so do the nothrow forms, unless a sanitizer
// replaces them. Not inlined: g++ would warn of a free() of memory from operator new.
[[gnu::noinline]] void* operator new(std::size_t size) { return allocate(size); }
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return allocate(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace eddy::test {

long allocations() noexcept { return count; }

void refuse_allocation_after(long successes) noexcept { successes_left = successes; }

bool frames_are_pooled() {
  detail::free_frame(detail::allocate_frame(256), 256);
  const long before = allocations();
  detail::free_frame(detail::allocate_frame(256), 256);
  return allocations() == before;
}

namespace {

TEST(CountingNew, CountsAndRefuses) {
  // Direct calls of the functions: a compiler may leave out a new-expression, but not these.
  const auto allocate_once = [] { ::operator delete(::operator new(1)); };
  const long before = allocations();
  allocate_once();
  EXPECT_EQ(allocations(), before + 1);
  refuse_allocation_after(1);
  allocate_once();
  EXPECT_THROW(allocate_once(), std::bad_alloc);
  EXPECT_NO_THROW(allocate_once());
  refuse_allocation_after(0);
  EXPECT_EQ(::operator new(1, std::nothrow), nullptr);
}

}  // namespace
}  // namespace eddy::test
