// SPDX-License-Identifier: MIT

#include "eddy/worker/place.hpp"

#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include <bit>
#include <cstdio>

namespace eddy::detail {
std::source_location spawn_place(const PromiseBase& task) noexcept {
  const PromiseBase* at = &task;
  while (at->spawned_at().line() == 0 && at->branch) {
    const TaskOwner* const owner = owner_of(*at);
    const Waiter* const parent = owner != nullptr ? owner->branch_of() : nullptr;
    if (parent == nullptr) return {};
    at = static_cast<const PromiseBase*>(parent);
  }
  return at->spawned_at();
}

std::string_view file_name_of(const std::source_location& place) noexcept {
  const std::string_view path = place.file_name();
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::size_t write_place_of_running_task(std::span<char> out) noexcept {
  const Worker* const worker = Worker::current_if_any();
  PromiseBase* const running = worker != nullptr ? worker->running() : nullptr;
  if (running == nullptr) return 0;

  const std::source_location spawned = spawn_place(*running);
  std::size_t written = 0;
  const auto add = [&](const char* text, const std::source_location& place) {
    const std::string_view file = file_name_of(place);
    const std::span<char> room = out.subspan(written);
    const int wanted =
        std::snprintf(room.data(), room.size(), "%s %.*s:%u", text, static_cast<int>(file.size()),
                      file.data(), static_cast<unsigned>(place.line()));
    if (wanted > 0) written += std::min(static_cast<std::size_t>(wanted), room.size() - 1);
  };
  if (spawned.line() != 0) {
    const bool is_branch = running->spawned_at().line() == 0;
    add(is_branch ? ", in a branch of the task spawned at" : ", in the task spawned at", spawned);
  }
  if (running->innermost()) {
    const PromiseBase& coroutine = PromiseBase::of(running->innermost());
    if (!coroutine.threw && coroutine.awaiting != nullptr) {
      add(", at the co_await at", std::bit_cast<std::source_location>(coroutine.awaiting));
    }
  }
  return written;
}

}  // namespace eddy::detail
