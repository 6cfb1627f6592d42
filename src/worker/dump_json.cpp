// SPDX-License-Identifier: MIT

#include "eddy/worker/dump.hpp"

#include "worker/task_view.hpp"

#include <chrono>
#include <cstdio>
#include <string>

namespace eddy::detail {
namespace {

/// The length in bytes of the UTF-8 character at the start of `text`; 0 if there is no valid one.
std::size_t character_at(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xC2 && first < 0xE0   ? 2
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xF0 && first < 0xF5 ? 4
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0U) != 0x80) return 0;
  }
  // Overlong forms, UTF-16 surrogates, and numbers beyond the last character.
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) >= 0xA0)) return 0;
  if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) >= 0x90)) return 0;
  return length;
}

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const std::size_t length = character_at(text);
    const char c = text.front();
    if (length == 0) {
      out += "\\ufffd";
    } else if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out + '"';
}

std::string address(std::uintptr_t task) {
  if (task == 0) return "null";
  char text[32];
  std::snprintf(text, sizeof text, "\"0x%llx\"", static_cast<unsigned long long>(task));
  return text;
}

std::string place(const std::source_location& where) {
  return "{\"file\":" + in_quotes(where.file_name()) + ",\"line\":" + std::to_string(where.line()) +
         ",\"function\":" + in_quotes(short_name(where.function_name())) + '}';
}

const char* word_for(TaskView::State state) noexcept {
  switch (state) {
    case TaskView::State::runs:
      return "\"runs\"";
    case TaskView::State::not_started:
      return "\"not started\"";
    case TaskView::State::waits:
      break;
  }
  return "\"waits\"";
}

std::string object(const TaskView& task) {
  const bool spawned = task.spawned_at.line() != 0 && !is_in_library(task.spawned_at);
  const bool waits = task.state == TaskView::State::waits;
  std::string out = "{\"task\":" + address(task.address);
  out += ",\"name\":" + (task.name.empty() ? "null" : in_quotes(task.name));
  out += ",\"locals\":{";
  const char* separator = "";
  for (const LocalView& value : task.locals) {
    out += separator + in_quotes(value.local->name()) + ':' + in_quotes(value.text);
    separator = ",";
  }
  out += '}';
  out += std::string(",\"branch\":") + (task.branch ? "true" : "false");
  out += ",\"parent\":" + address(task.parent);
  out += ",\"spawned\":" + (spawned ? place(task.spawned_at) : "null");
  out += std::string(",\"state\":") + word_for(task.state);
  out += ",\"awaits\":[";
  separator = "";
  for (const std::source_location& where : task.awaits) {
    out += separator + place(where);
    separator = ",";
  }
  out += "],\"for\":" + (waits ? in_quotes(task.waiting.what) : "null");
  out += ",\"source\":" +
         (task.waiting.source == kNoSource ? "null" : std::to_string(task.waiting.source));
  const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(task.waited);
  out += ",\"waited_ms\":" + (waits ? std::to_string(waited.count()) : "null");
  return out + '}';
}

}  // namespace

void dump_tasks_as_json(DumpSink sink, void* context) {
  sink(context, "{\"schema\":1,\"tasks\":[");
  const std::vector<TaskView> tasks = view_tasks();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    sink(context, object(tasks[i]) + (i + 1 == tasks.size() ? "" : ","));
  }
  sink(context, "]}");
}

}  // namespace eddy::detail
