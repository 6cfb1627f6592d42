// A user's program: it compiles with warnings as errors at each level of optimisation.
// SPDX-License-Identifier: MIT
#include <eddy/eddy.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

eddy::Task<std::unique_ptr<int>> make(int value) {
  co_await eddy::yield_now();
  co_return std::make_unique<int>(value);
}

eddy::Task<eddy::Result<std::string>> text() {
  co_await eddy::ok(eddy::timeout(1h, make(1)));
  co_return "text";
}

eddy::Task<int> run() {
  int sum = 0;
  eddy::JoinHandle<std::unique_ptr<int>> handle = eddy::spawn(make, 1);
  if (auto joined = co_await handle; joined) sum += **joined;

  auto first = co_await eddy::when_any(make(2), eddy::sleep_for(1h));
  if (first.index() == 0) sum += *std::get<0>(first);

  auto limited = co_await eddy::timeout(1h, make(3));
  if (limited) sum += **limited;

  auto both = co_await eddy::when_all(make(4), text());
  sum += *std::get<0>(both) + (std::get<1>(both) ? 1 : 0);

  std::vector<eddy::Task<std::unique_ptr<int>>> tasks;
  tasks.push_back(make(5));
  for (const auto& value : co_await eddy::when_all(std::move(tasks))) sum += *value;

  const auto grouped = co_await eddy::with_group([](eddy::TaskGroup&) { return make(6); });
  co_return sum + *grouped;
}

}  // namespace

int main() { return eddy::block_on(run()) == 22 ? 0 : 1; }
