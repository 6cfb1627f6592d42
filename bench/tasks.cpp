// Tasks and timers on one thread: CPU time per operation.
// SPDX-License-Identifier: MIT

#include "operations.hpp"

#include <benchmark/benchmark.h>

namespace {

template <class Operation>
void run(benchmark::State& state, Operation operation, std::size_t per_round = 1) {
  eddy::block_on(operation(state));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(per_round));
}

void spawn_and_join(benchmark::State& state) {
  run(state, operations::spawn_and_join<benchmark::State>);
}
void yield(benchmark::State& state) {
  run(state, operations::yield<benchmark::State>, operations::kYielders);
}
void child(benchmark::State& state) { run(state, operations::child<benchmark::State>); }
void when_any(benchmark::State& state) { run(state, operations::when_any<benchmark::State>); }

void sleep_and_cancel(benchmark::State& state) {
  const operations::LiveSleeps live(static_cast<std::size_t>(state.range(0)));
  operations::sleep_and_cancel(state);
  state.SetItemsProcessed(state.iterations());
}
void sleep_until_and_cancel(benchmark::State& state) {
  const operations::LiveSleeps live(static_cast<std::size_t>(state.range(0)));
  operations::sleep_until_and_cancel(state);
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(spawn_and_join);
BENCHMARK(yield);
BENCHMARK(child);
BENCHMARK(when_any);
BENCHMARK(sleep_and_cancel)->Arg(1'000)->Arg(1'000'000);
BENCHMARK(sleep_until_and_cancel)->Arg(1'000)->Arg(1'000'000);

}  // namespace

BENCHMARK_MAIN();
