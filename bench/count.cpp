// Runs one operation a given number of times, under callgrind. The difference of two runs gives the
// cost of one operation, without the start and the end of the program.
//
// usage: count OPERATION ROUNDS
// SPDX-License-Identifier: MIT

#include "operations.hpp"

#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <string_view>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s OPERATION ROUNDS\n", argv[0]);
    return 2;
  }
  const std::string_view operation = argv[1];
  auto rounds = std::views::iota(0, std::atoi(argv[2]));
  if (operation == "spawn_and_join") {
    eddy::block_on(operations::spawn_and_join(rounds));
  } else if (operation == "yield") {
    eddy::block_on(operations::yield(rounds));
  } else if (operation == "child") {
    eddy::block_on(operations::child(rounds));
  } else if (operation == "when_any") {
    eddy::block_on(operations::when_any(rounds));
  } else if (operation == "mutex") {
    eddy::block_on(operations::mutex(rounds));
  } else if (operation == "semaphore") {
    eddy::block_on(operations::semaphore(rounds));
  } else if (operation == "channel") {
    eddy::block_on(operations::channel(rounds));
  } else if (operation == "channel_try") {
    eddy::block_on(operations::channel_try(rounds));
  } else if (operation == "channel_between_tasks") {
    eddy::block_on(operations::channel_between_tasks(rounds));
  } else if (operation == "oneshot") {
    eddy::block_on(operations::oneshot(rounds));
  } else if (operation == "broadcast") {
    eddy::block_on(operations::broadcast(rounds));
  } else if (operation == "contended_mutex") {
    eddy::block_on(operations::contended_mutex(rounds));
  } else if (operation == "sleep_and_cancel") {
    const operations::LiveSleeps live(1000);
    operations::sleep_and_cancel(rounds);
  } else if (operation == "sleep_until_and_cancel") {
    const operations::LiveSleeps live(1000);
    operations::sleep_until_and_cancel(rounds);
  } else {
    std::fprintf(stderr, "count: no operation '%s'\n", argv[1]);
    return 2;
  }
}
