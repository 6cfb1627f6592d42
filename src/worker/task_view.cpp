// SPDX-License-Identifier: MIT

#include "worker/task_view.hpp"

#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include "worker/around.hpp"

#include <algorithm>
#include <array>
#include <bit>

namespace eddy::detail {
namespace {

/// The folders of `include/eddy`.
constexpr std::array<std::string_view, 10> kFloors = {
    "platform", "core", "reactor", "worker", "task", "time", "compose", "sync", "net", "signal"};

/// Removes the last part of `path`, and returns it.
std::string_view take_last(std::string_view& path) noexcept {
  const std::size_t slash = path.find_last_of("/\\");
  const std::string_view last = path.substr(slash + 1);
  path = slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
  return last;
}

/// The folder of the library's sources, as the compiler names it: the one above this file's folder.
std::string_view source_folder() noexcept {
  std::string_view path = std::source_location::current().file_name();
  take_last(path);
  take_last(path);
  return path;
}

std::string_view name_of(const PromiseBase& task) noexcept {
  if (!task.has_cell || !task.cell()->named) return {};
  return static_cast<const NamedCell&>(*task.cell()).name;
}

std::vector<LocalView> locals_of(const PromiseBase& task) {
  std::vector<LocalView> found;
  for_each_owner(&task, [&](const TaskOwner& owner) {
    const LocalValue given = owner.local();
    if (given.key != nullptr && !given.key->name().empty() &&
        std::ranges::find(found, given.key, &LocalView::local) == found.end()) {
      found.push_back({given.key, given.key->text_of(given.value)});
    }
    return false;
  });
  return found;
}

TaskView view(PromiseBase& task, Instant now) {
  TaskView seen{.address = reinterpret_cast<std::uintptr_t>(&task),
                .branch = task.branch,
                .name = name_of(task),
                .spawned_at = task.spawned_at(),
                .locals = locals_of(task),
                .state = TaskView::State::waits,
                .awaits = {},
                .waiting = {}};
  const TaskOwner* owner = owner_of(task);
  if (const Waiter* parent = owner != nullptr ? owner->branch_of() : nullptr) {
    seen.parent = reinterpret_cast<std::uintptr_t>(static_cast<const PromiseBase*>(parent));
  }
  if (task.operation() == nullptr) {
    seen.state = task.state == Waiter::State::scheduled ? TaskView::State::not_started
                                                        : TaskView::State::runs;
    return seen;
  }
  for (std::coroutine_handle<> frame = task.innermost(); frame;) {
    PromiseBase& promise = PromiseBase::of(frame);
    const std::source_location place = location_of(promise.awaiting);
    // A child that was put off has no place yet.
    if (place.line() != 0 && !is_in_library(place)) seen.awaits.push_back(place);
    frame = promise.outermost ? nullptr : promise.parent();
  }
  // The source of a refused operation is gone, so the operation cannot describe itself.
  seen.waiting = task.refused() ? Waiting{"what is gone", kNoSource} : task.operation()->describe();
  seen.waited = now - task.since();
  return seen;
}

/// Replaces each outermost pair of brackets in `text`, with its content, by what `keep` returns for
/// that content.
template <class Keep>
std::string without(std::string_view text, char open, char close, Keep keep) {
  std::string out;
  std::size_t depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == open) {
      if (depth == 0) begin = i + 1;
      ++depth;
    }
    if (depth == 0) out += text[i];
    if (text[i] == close && depth != 0) {
      --depth;
      if (depth == 0) out += keep(text.substr(begin, i - begin));
    }
  }
  return out;
}

void erase_all(std::string& text, std::string_view what) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos;) {
    text.erase(at, what.size());
  }
}

}  // namespace

std::source_location location_of(const void* place) noexcept {
  return std::bit_cast<std::source_location>(place);
}

bool is_in_library(const std::source_location& place) {
  std::string_view path = place.file_name();
  if (!path.ends_with(".hpp")) {
    // The path may be relative, so a user's file may have the same one.
    return path.starts_with(source_folder()) &&
           short_name(place.function_name()).starts_with("eddy::");
  }
  take_last(path);
  return std::ranges::find(kFloors, take_last(path)) != kFloors.end() && take_last(path) == "eddy";
}

std::string short_name(std::string_view function) {
  // g++: void f(f(int)::_Z1fi.Frame*) and ...::<lambda(int)>::operator()(...) [with T = int];
  // clang: Task<> f(int) and auto ...::(anonymous class)::operator()(int) const [T = int];
  // since 22 (lambda) instead of (anonymous class).
  const std::size_t bracket = function.find(" [");
  const std::string no_types =
      without(function.substr(0, bracket), '(', ')', [](std::string_view in_brackets) {
        const bool lambda = in_brackets == "lambda" || in_brackets.starts_with("anonymous class");
        return lambda ? "<lambda>" : "";
      });
  std::string name = without(no_types, '<', '>', [](std::string_view in_brackets) {
    return in_brackets.starts_with("lambda") ? "<lambda>" : "";
  });
  erase_all(name, "{anonymous}::");
  if (const std::size_t clause = name.find(" requires "); clause != std::string::npos) {
    name.erase(clause);
  }
  for (const std::string_view qualifier : {" &", " &&", " noexcept", " const"}) {
    if (name.ends_with(qualifier)) name.erase(name.size() - qualifier.size());
  }
  if (const std::size_t space = name.rfind(' '); space != std::string::npos) {
    name.erase(0, space + 1);
  }
  name.erase(0, name.find_first_not_of("*&"));
  for (std::size_t at = 0; (at = name.find("<lambda>::operator", at)) != std::string::npos;) {
    at += std::string_view("<lambda>").size();
    name.erase(at, std::string_view("::operator").size());
  }
  for (std::size_t at = 0; (at = name.find("::::", at)) != std::string::npos;) name.erase(at, 2);
  if (name.starts_with("::")) name.erase(0, 2);
  return name;
}

std::vector<TaskView> view_tasks() {
  std::vector<TaskView> views;
  Worker* worker = Worker::current_if_any();
  if (worker == nullptr) return views;
  const Instant now = Clock::now();
  worker->for_each_task([&](PromiseBase& task) { views.push_back(view(task, now)); });
  return views;
}

}  // namespace eddy::detail
