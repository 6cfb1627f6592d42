// Objects that show when, how often and where they are destroyed.
// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace eddy::test {

using Log = std::vector<std::string>;

/// Appends "~name" to a log at its destruction.
class Trace {
 public:
  Trace(Log& log, std::string name) : log_(&log), name_(std::move(name)) {}
  Trace(Trace&& other) noexcept
      : log_(std::exchange(other.log_, nullptr)), name_(std::move(other.name_)) {}
  Trace& operator=(Trace&&) = delete;
  ~Trace() {
    if (log_ != nullptr) log_->push_back("~" + name_);
  }

 private:
  Log* log_;
  std::string name_;
};

/// Counts the lives of `Guard`s.
struct Tally {
  long made = 0;
  long gone = 0;
  long broken = 0;     ///< destroyed twice, or never made
  long elsewhere = 0;  ///< destroyed on another thread than the tally was made on
  std::thread::id home = std::this_thread::get_id();

  long alive() const { return made - gone; }
  bool all_gone_once() const { return made == gone && broken == 0 && elsewhere == 0; }
};

/// Counts every copy, move and destruction of itself.
class Guard {
 public:
  explicit Guard(Tally& tally) noexcept : tally_(&tally) { ++tally_->made; }
  Guard(const Guard& other) noexcept : tally_(other.tally_) { ++tally_->made; }
  Guard& operator=(const Guard&) noexcept { return *this; }
  ~Guard() {
    if (mark_ != kAlive) {
      ++tally_->broken;
      return;
    }
    mark_ = 0;
    ++tally_->gone;
    if (std::this_thread::get_id() != tally_->home) ++tally_->elsewhere;
  }

 private:
  static constexpr std::uint32_t kAlive = 0xa11fe;

  Tally* tally_;
  volatile std::uint32_t mark_ = kAlive;
};

/// Calls a function at its destruction.
template <class F>
class AtEnd {
 public:
  explicit AtEnd(F function) : function_(std::move(function)) {}
  AtEnd(AtEnd&&) = delete;
  AtEnd& operator=(AtEnd&&) = delete;
  ~AtEnd() { function_(); }

 private:
  F function_;
};

}  // namespace eddy::test
