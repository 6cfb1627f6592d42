// SPDX-License-Identifier: MIT

#include "eddy/worker/dump.hpp"

#include "eddy/worker/place.hpp"

#include "worker/task_view.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace eddy::detail {
namespace {

/// Tasks that do the same at the same places, for one line. `who` is their name and where they were
/// spawned.
struct Group {
  std::string who;
  std::string awaits;
  TaskView oldest;
  std::size_t count = 1;
};

void append_place(std::string& out, const std::source_location& place) {
  out += file_name_of(place);
  out += ':' + std::to_string(place.line());
  const std::string function = short_name(place.function_name());
  if (!function.empty()) out += " (" + function + ')';
}

void append_address(std::string& out, std::uintptr_t address) {
  char name[32];
  // Not %p: its output differs between platforms.
  std::snprintf(name, sizeof name, "task 0x%llx", static_cast<unsigned long long>(address));
  out += name;
}

void append_source(std::string& out, const TaskView& task) {
  if (task.waiting.source != kNoSource) {
    out += " (source " + std::to_string(task.waiting.source) + ")";
  }
}

void append_wait(std::string& out, const TaskView& task) {
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(task.waited);
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, " since %lld.%03lld s",
                static_cast<long long>(waited.count() / 1000),
                static_cast<long long>(waited.count() % 1000));
  out += seconds;
}

Group group_of(TaskView&& task) {
  Group group;
  if (!task.name.empty()) {
    group.who += " \"";
    group.who += task.name;
    group.who += '"';
  }
  for (const LocalView& value : task.locals) {
    group.who += ' ';
    group.who += value.local->name();
    group.who += '=';
    std::ranges::transform(value.text, std::back_inserter(group.who), [](char c) {
      return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? '?' : c;
    });
  }
  // Leave out places in the library, and those of branches, which have none.
  if (task.spawned_at.line() != 0 && !is_in_library(task.spawned_at)) {
    group.who += " spawned at ";
    append_place(group.who, task.spawned_at);
  }
  const char* separator = " at ";
  for (const std::source_location& place : task.awaits) {
    group.awaits += std::exchange(separator, " < ");
    append_place(group.awaits, place);
  }
  group.oldest = std::move(task);
  return group;
}

std::string line_of_one(const Group& group) {
  const TaskView& task = group.oldest;
  std::string out;
  append_address(out, task.address);
  out += group.who;
  if (task.branch) out += " branch";
  if (task.parent != 0) {
    out += " of ";
    append_address(out, task.parent);
  }
  if (task.state == TaskView::State::runs) return out + " runs";
  if (task.state == TaskView::State::not_started) return out + " has not started";
  out += " waits" + group.awaits + " for " + task.waiting.what;
  append_source(out, task);
  append_wait(out, task);
  return out;
}

std::string line_of(const Group& group) {
  if (group.count == 1) return line_of_one(group);
  const TaskView& task = group.oldest;
  std::string out =
      std::to_string(group.count) + (task.branch ? " branches" : " tasks") + group.who;
  if (task.state == TaskView::State::runs) return out + " run";
  if (task.state == TaskView::State::not_started) return out + " have not started";
  out += " wait" + group.awaits + " for " + task.waiting.what + ", the oldest, ";
  append_address(out, task.address);
  append_source(out, task);
  out += ',';
  append_wait(out, task);
  return out;
}

/// The same for all tasks of a group, and different for other groups.
std::string key_of(const Group& group) {
  const TaskView& task = group.oldest;
  std::string key = group.who + '\n' + group.awaits + '\n' + task.waiting.what;
  key += static_cast<char>('0' + static_cast<int>(task.state));
  key += task.branch ? 'b' : 't';
  return key;
}

std::vector<Group> groups() {
  std::vector<Group> all;
  std::unordered_map<std::string, std::size_t> known;
  for (TaskView& task : view_tasks()) {
    Group group = group_of(std::move(task));
    const auto [place, is_new] = known.try_emplace(key_of(group), all.size());
    if (is_new) {
      all.push_back(std::move(group));
      continue;
    }
    Group& same = all[place->second];
    ++same.count;
    if (group.oldest.waited > same.oldest.waited) same.oldest = std::move(group.oldest);
  }
  return all;
}

}  // namespace

void dump_tasks(DumpSink sink, void* context) {
  for (const Group& group : groups()) sink(context, line_of(group));
}

void dump_each_task(DumpSink sink, void* context) {
  for (TaskView& task : view_tasks()) sink(context, line_of_one(group_of(std::move(task))));
}

}  // namespace eddy::detail
