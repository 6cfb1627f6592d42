// Frames that a compiler lays out wrongly: a misplaced promise, and misaligned variables.
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <cstddef>
#include <cstdint>

namespace eddy::traps {
namespace {

using test::run;

Task<bool> truth(bool value) {
  co_await yield_now();
  co_return value;
}

Task<> nothing() { co_await yield_now(); }

/// The address as a number about which the compiler can assume nothing.
std::uintptr_t address(const void* pointer) {
  std::uintptr_t number = reinterpret_cast<std::uintptr_t>(pointer);
  asm volatile("" : "+r"(number));
  return number;
}

Task<> loop_without_variables(int& rounds) {
  while (co_await truth(rounds < 3)) ++rounds;
}

FORM(condition_without_variables, "Task<> f() { while (co_await b()) ++n; }", kStopsWithGcc12) {
  int rounds = 0;
  run([&]() -> Task<> { co_await loop_without_variables(rounds); });
  trial.check(rounds == 3);
}

Task<> if_with_a_comma(int& seen, int x) {
  if (co_await nothing(), x) ++seen;
}

FORM(comma_in_an_if, "Task<> f(int x) { if (co_await g(), x) ++n; }", kStopsWithGcc12) {
  int seen = 0;
  run([&]() -> Task<> { co_await if_with_a_comma(seen, 1); });
  trial.check(seen == 1);
}

Task<> switch_with_a_comma(int& seen, int x) {
  switch (co_await nothing(), x) {
    case 1:
      ++seen;
  }
}

FORM(comma_in_a_switch, "Task<> f(int x) { switch (co_await g(), x) {...} }", kStopsWithGcc12) {
  int seen = 0;
  run([&]() -> Task<> { co_await switch_with_a_comma(seen, 1); });
  trial.check(seen == 1);
}

/// A variable after `Before` others of one byte each.
template <std::size_t Alignment, std::size_t Before>
Task<> aligned_behind(Trial& trial) {
  char before[Before];
  alignas(Alignment) char bytes[Alignment];
  co_await yield_now();
  trial.check(address(bytes) % Alignment == 0 && address(before) != 0);
}

template <std::size_t Alignment>
Task<> aligned(Trial& trial) {
  co_await aligned_behind<Alignment, 1>(trial);
  co_await aligned_behind<Alignment, 2>(trial);
  co_await aligned_behind<Alignment, 3>(trial);
  co_await aligned_behind<Alignment, 12>(trial);
}

FORM(alignas_8, "alignas(8) char bytes[8]", kWrongWithGcc) {
  run([&]() -> Task<> { co_await aligned<8>(trial); });
}

FORM(alignas_16, "alignas(16) char bytes[16]", kWrongWithGcc) {
  run([&]() -> Task<> { co_await aligned<16>(trial); });
}

/// Frames of several sizes, eight of each: they cannot all be well aligned by luck.
template <class Coroutine>
void in_frames_of_many_sizes(Trial& trial, Coroutine coroutine) {
  bool held = true;
  run([&]() -> Task<> {
    co_await coroutine.template operator()<1>(held, coroutine, 8);
    co_await coroutine.template operator()<17>(held, coroutine, 8);
    co_await coroutine.template operator()<33>(held, coroutine, 8);
    co_await coroutine.template operator()<49>(held, coroutine, 8);
  });
  trial.check(held);
}

// Not 64, here and below: the size of such a frame may be a multiple of the alignment, and slabs
// begin 64 bytes before the first. So g++ and clang 23 would be right by luck.
FORM(alignas_128, "alignas(128) char bytes[128]", kWrongWithAll) {
  in_frames_of_many_sizes(trial,
                          []<std::size_t kMore>(bool& held, auto& self, int depth) -> Task<> {
                            alignas(128) char bytes[128];
                            char more[kMore];
                            co_await yield_now();
                            if (address(bytes) % 128 != 0 || address(more) == 0) held = false;
                            if (depth > 0)
                              co_await self.template operator()<kMore>(held, self, depth - 1);
                          });
}

struct alignas(128) Lines {
  char bytes[128];
};

FORM(over_aligned_type, "struct alignas(128) Lines {...}; Lines lines;", kWrongWithAll) {
  in_frames_of_many_sizes(trial,
                          []<std::size_t kMore>(bool& held, auto& self, int depth) -> Task<> {
                            Lines lines;
                            char more[kMore];
                            co_await yield_now();
                            if (address(&lines) % 128 != 0 || address(more) == 0) held = false;
                            if (depth > 0)
                              co_await self.template operator()<kMore>(held, self, depth - 1);
                          });
}

}  // namespace
}  // namespace eddy::traps
