// SPDX-License-Identifier: MIT

#include "eddy/worker/lost_exception.hpp"

#include "eddy/platform/fatal.hpp"
#include "eddy/worker/promise_base.hpp"
#include "eddy/worker/waker_cell.hpp"
#include "eddy/worker/worker.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace eddy::detail {
namespace {

constinit thread_local int quiet_destructions = 0;

std::string place_text(const std::source_location& place) {
  if (place.line() == 0) return "at an unknown place";
  return std::string("at ") + place.file_name() + ':' + std::to_string(place.line());
}

std::string after_colon(const std::string& text) { return text.empty() ? text : ": " + text; }

}  // namespace

std::string what_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return {};
  }
}

void report_lost_exception(PromiseBase& task) noexcept {
  try {
    warn("a detached task, spawned " + place_text(task.spawned_at()) + ", ended with an exception" +
         after_colon(what_of(task.exception)));
  } catch (const std::bad_alloc&) {
    warn("a detached task ended with an exception");
  }
}

void report_lost_exception(const CaughtException& lost, const Waiter* parent) noexcept {
  try {
    std::source_location place = lost.spawned_at;
    if (parent != nullptr) place = spawn_place(PromiseBase::of(*parent));
    warn("nobody received an exception of the task spawned " + place_text(place) +
         after_colon(what_of(lost.exception)));
  } catch (const std::bad_alloc&) {
    warn("nobody received an exception of a task");
  }
}

void report_lost_error(const std::error_code& error, const PromiseBase& task) noexcept {
  try {
    warn("a detached task, spawned " + place_text(task.spawned_at()) +
         ", ended with an error: " + error.message());
  } catch (const std::bad_alloc&) {
    warn("a detached task ended with an error");
  }
}

void report_lost_error(const std::error_code& error,
                       const std::source_location& spawned_at) noexcept {
  try {
    warn("nobody received an error of the task spawned " + place_text(spawned_at) + ": " +
         error.message());
  } catch (const std::bad_alloc&) {
    warn("nobody received an error of a task");
  }
}

void PromiseBase::stop_if_destroyed() const noexcept {
  const PromiseBase& of = outermost ? *this : *member_of_;
  if (progress != Progress::finished && of.state != Waiter::State::done) return;
  try {
    fatal(
        "a destructor threw while the frame of its coroutine was destroyed, in the task spawned " +
        place_text(spawn_place(of)) + after_colon(what_of(std::current_exception())) +
        ". Let no exception out of a destructor: a cancelled task has nowhere to throw it");
  } catch (const std::bad_alloc&) {
    fatal("a destructor threw while the frame of its coroutine was destroyed");
  }
}

void QuietDestruction::count(int step) noexcept { quiet_destructions += step; }

void report_never_awaited(const void* place) noexcept {
  if (place == nullptr || quiet_destructions != 0 || std::uncaught_exceptions() != 0) return;
  try {
    const auto where = std::bit_cast<std::source_location>(place);
    warn(std::string("a task was destroyed, but never awaited, spawned or given to block_on: ") +
         where.function_name() + ' ' + place_text(where));
  } catch (const std::bad_alloc&) {
    warn("a task was destroyed, but never awaited, spawned or given to block_on");
  }
}

void report_never_run(Worker& worker) noexcept {
  constexpr std::size_t kPlaces = 8;
  try {
    std::vector<std::string> places;
    std::size_t tasks = 0;
    worker.for_each_task([&](PromiseBase& task) {
      const bool never_ran = task.state == Waiter::State::scheduled && task.operation() == nullptr;
      if (!never_ran || task.branch || task.cancel_requested) return;
      ++tasks;
      std::string place = place_text(task.spawned_at());
      if (places.size() <= kPlaces && std::ranges::find(places, place) == places.end()) {
        places.push_back(std::move(place));
      }
    });
    if (tasks == 0) return;
    std::string text = "a thread ends, and no block_on has run " + std::to_string(tasks) +
                       (tasks == 1 ? " task" : " tasks") + " of it, spawned ";
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (i != 0) text += ", ";
      text += i == kPlaces ? "and elsewhere" : places[i];
    }
    warn(text);
  } catch (const std::bad_alloc&) {
    warn("a thread ends, and no block_on has run some tasks that it has spawned");
  }
}

void stop_value_taken() noexcept {
  fatal("a JoinHandle was awaited again after its value was taken: await it once");
}

void stop_no_task() noexcept {
  fatal("a JoinHandle without a task was awaited: it was moved from, or detached");
}

}  // namespace eddy::detail
