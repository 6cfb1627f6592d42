// Tasks and timers of eddy: the operations that ./dev bench measures.
// SPDX-License-Identifier: MIT

#include "operation.h"
#include "operations.hpp"

#include <ranges>
#include <thread>
#include <utility>
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

eddy::Task<> receive_all(eddy::Receiver<int> receiver) {
  for (;;) {
    const auto value = co_await receiver.receive();
    if (!value) co_return;
  }
}

void channel_between_threads(long rounds, long) {
  auto [sender, receiver] = eddy::channel<int>(128);
  begin();
  std::thread thread(
      [from = std::move(receiver)]() mutable { eddy::block_on(receive_all(std::move(from))); });
  eddy::block_on(operations::send_values(std::move(sender), static_cast<std::size_t>(rounds)));
  thread.join();
  end();
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
    {"mutex",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::mutex(each)); });
     }},
    {"contended_mutex",
     [](long rounds, long) {
       measured(rounds / static_cast<long>(operations::kLockers),
                [](auto& each) { eddy::block_on(operations::contended_mutex(each)); });
     }},
    {"semaphore",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::semaphore(each)); });
     }},
    {"channel",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::channel(each)); });
     }},
    {"channel_between_tasks",
     [](long rounds, long) {
       measured(rounds / static_cast<long>(operations::kPassed),
                [](auto& each) { eddy::block_on(operations::channel_between_tasks(each)); });
     }},
    {"channel_between_threads", channel_between_threads},
    {"oneshot",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::oneshot(each)); });
     }},
    {"broadcast",
     [](long rounds, long) {
       measured(rounds, [](auto& each) { eddy::block_on(operations::broadcast(each)); });
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
