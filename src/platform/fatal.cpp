// SPDX-License-Identifier: MIT

#include "eddy/platform/fatal.hpp"

#include "eddy/platform/sys.hpp"

#include <array>
#include <atomic>
#include <cstdlib>
#include <initializer_list>
#include <span>

namespace eddy::detail {

namespace {

constinit std::atomic<PlaceWriter> place_writer{nullptr};

void print(std::initializer_list<std::string_view> parts) noexcept {
  for (const std::string_view part : parts) {
    sys::write_to_stderr(std::as_bytes(std::span(part)));
  }
}

}  // namespace

void warn(std::string_view what) noexcept { print({"eddy: ", what, "\n"}); }

void set_place_writer(PlaceWriter writer) noexcept { place_writer.store(writer); }

void fatal(std::string_view what) noexcept {
  // If the writer of the place fails in turn, the message of that has no place.
  const PlaceWriter writer = place_writer.exchange(nullptr);
  std::array<char, 512> place{};
  const std::size_t size = writer != nullptr ? writer(place) : 0;
  print({"eddy: ", what, std::string_view(place.data(), size), "\n"});
  std::abort();
}

void stop_task_of_another_copy() noexcept {
  fatal(
      "a task waits by a copy of eddy that does not run it, and would never be woken. Let a "
      "program "
      "and its plugins share one copy: link them all with the shared library. Or let the plugin "
      "run "
      "its own tasks, by a block_on of its own");
}

}  // namespace eddy::detail
