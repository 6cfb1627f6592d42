#include "eddy/executor/dump.hpp"

#include "eddy/executor/executor.hpp"
#include "eddy/executor/inbox.hpp"
#include "eddy/platform/fatal.hpp"

#include <bit>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <source_location>
#include <string>

namespace eddy {
namespace detail {
namespace {

void append_place(std::string& out, const std::source_location& place) {
  const std::string_view path = place.file_name();
  const std::size_t slash = path.find_last_of("/\\");
  out += slash == std::string_view::npos ? path : path.substr(slash + 1);
  out += ':' + std::to_string(place.line());
}

void append_wait(std::string& out, TaskHeader& task, Instant now) {
  if (task.operation == nullptr) {
    out += task.state == Waiter::State::scheduled ? " has not started" : " runs";
    return;
  }
  const char* separator = " waits at ";
  for (std::coroutine_handle<> frame = task.resume_point; frame;) {
    PromiseBase& promise = PromiseBase::of(frame);
    out += separator;
    append_place(out, std::bit_cast<std::source_location>(promise.awaiting));
    separator = " < ";
    frame = promise.outermost ? nullptr : promise.resume_point;
  }
  // A refused operation has lost what it would describe.
  const Waiting waiting =
      task.refused() ? Waiting{"what is gone", kNoSource} : task.operation->describe();
  out += std::string(" for ") + waiting.what;
  if (waiting.source != kNoSource) out += " (source " + std::to_string(waiting.source) + ")";
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - task.since);
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, " since %lld.%03lld s",
                static_cast<long long>(waited.count() / 1000),
                static_cast<long long>(waited.count() % 1000));
  out += seconds;
}

void append_name(std::string& out, const TaskHeader& task) {
  char name[32];
  // Not %p, which looks otherwise on each platform.
  std::snprintf(name, sizeof name, "task 0x%llx",
                static_cast<unsigned long long>(reinterpret_cast<std::uintptr_t>(&task)));
  out += name;
}

std::string describe(TaskHeader& task, Instant now) {
  std::string out;
  append_name(out, task);
  if (task.spawned_at.line() != 0) {
    out += " spawned at ";
    append_place(out, task.spawned_at);
  }
  if (task.branch) out += " branch";
  const TaskOwner* owner = owner_of(task);
  if (const Waiter* parent = owner != nullptr ? owner->branch_of() : nullptr) {
    out += " of ";
    append_name(out, static_cast<const TaskHeader&>(*parent));
  }
  append_wait(out, task, now);
  return out;
}

}  // namespace

void dump_tasks(DumpSink sink, void* context) {
  Executor* executor = Executor::current_if_any();
  if (executor == nullptr) return;
  const Instant now = Clock::now();
  executor->for_each_task([&](TaskHeader& task) { sink(context, describe(task, now)); });
}

}  // namespace detail

void dump_tasks_to_stderr() {
  dump_tasks([](std::string_view line) { detail::warn(line); });
}

}  // namespace eddy
