#include "eddy/executor/dump.hpp"

#include "eddy/executor/executor.hpp"
#include "eddy/executor/inbox.hpp"
#include "eddy/platform/fatal.hpp"

#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <string>

namespace eddy {
namespace detail {
namespace {

void append_place(std::string& out, std::string_view path, std::uint_least32_t line) {
  const std::size_t slash = path.find_last_of("/\\");
  out += slash == std::string_view::npos ? path : path.substr(slash + 1);
  out += ':' + std::to_string(line);
}

void append_wait(std::string& out, TaskHeader& task, Instant now) {
  if (task.operation == nullptr) {
    out += task.state == Waiter::State::running ? " runs" : " has not started";
    return;
  }
  const char* separator = " waits at ";
  for (std::coroutine_handle<> frame = task.resume_point; frame;) {
    PromiseBase& promise = PromiseBase::of(frame);
    out += separator;
    append_place(out, promise.awaiting_file, promise.awaiting_line);
    separator = " < ";
    frame = promise.is_root() ? nullptr : promise.child.continuation;
  }
  // A refused operation has lost what it would describe.
  const Waiting waiting =
      task.refused() ? Waiting{"what is gone", kNoSource} : task.operation->describe();
  out += std::string(" for ") + waiting.what;
  if (waiting.source != kNoSource) out += " (source " + std::to_string(waiting.source) + ")";
  const Instant since = task.not_begun ? now : task.since;
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(now - since);
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
    append_place(out, task.spawned_at.file_name(), task.spawned_at.line());
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

void report_lost_exception(TaskHeader& task) noexcept {
  try {
    std::string text = "a detached task, spawned at ";
    text += task.spawned_at.file_name();
    text += ':' + std::to_string(task.spawned_at.line());
    text += ", ended with an exception";
    try {
      std::rethrow_exception(task.promise().exception);
    } catch (const std::exception& e) {
      text += std::string(": ") + e.what();
    } catch (...) {
    }
    warn(text);
  } catch (const std::bad_alloc&) {
    warn("a detached task ended with an exception");
  }
}

void dump_tasks(DumpSink sink, void* context) {
  Executor* executor = Executor::current_if_any();
  if (executor == nullptr) return;
  const Instant now = Clock::now();
  ListNode& live = executor->live();
  for (ListNode* node = live.next; node != &live; node = node->next) {
    sink(context, describe(static_cast<TaskHeader&>(static_cast<LiveLink&>(*node)), now));
  }
}

}  // namespace detail

void dump_tasks_to_stderr() {
  dump_tasks([](std::string_view line) { detail::warn(line); });
}

}  // namespace eddy
