// Tasks and timers of eddy: the operations that ./dev bench measures.
// SPDX-License-Identifier: MIT

#include "operation.h"
#include "operations.hpp"

#include <ranges>
#include <vector>

namespace {

/// Reads the clock when its first and last rounds begin and end.
template <class Operation>
void measured(long rounds, Operation operation) {
  auto each = std::views::iota(0L, rounds);
  begin();
  operation(each);
  end();
}

eddy::Task<> spawn_batches(long rounds, long batch) {
  std::vector<eddy::JoinHandle<void>> handles;
  for (long left = rounds; left > 0; left -= batch) {
    for (long i = 0; i < batch; ++i) handles.push_back(eddy::spawn(operations::nothing));
    for (auto& handle : handles) static_cast<void>(co_await handle);
    handles.clear();
  }
}

constexpr operation kOperations[] = {
    {"spawn_and_join",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::spawn_and_join(each)); });
     }},
    {"spawn_batch",
     [](long rounds, long batch) {
       begin();
       eddy::block_on(spawn_batches(rounds, batch));
       end();
     }},
    {"yield",
     [](long rounds, long) {
       measured(rounds / kYielders, [](auto& each) { eddy::block_on(operations::yield(each)); });
     }},
    {"child",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::child(each)); });
     }},
    {"sleep_and_cancel",
     [](long rounds, long live) {
       const operations::LiveSleeps sleeps(static_cast<std::size_t>(live));
       measured(rounds, [](auto& each) { operations::sleep_until_and_cancel(each); });
     }},
};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(argc, argv, kOperations, std::size(kOperations));
}
