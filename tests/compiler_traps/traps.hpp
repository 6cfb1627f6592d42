// Forms of coroutines that some compiler gets wrong, and what each compiler should show for them.
// SPDX-License-Identifier: MIT
#pragma once

#include "eddy/eddy.hpp"

#include "support/run.hpp"
#include "support/trace.hpp"

#include <vector>

namespace eddy::traps {

/// What a program that uses a form shows.
enum class Shows {
  right,
  wrong,  ///< in silence: an object destroyed twice or never, a false value, a crash
  stops,  ///< eddy stops it in words
};

/// What each compiler shows. The columns of docs/compilers.md.
struct Expected {
  Shows gcc12, gcc13, gcc14, gcc15_16, clang;
};

inline constexpr Expected kWrongWithGcc12 = {Shows::wrong, Shows::right, Shows::right, Shows::right,
                                             Shows::right};
inline constexpr Expected kStopsWithGcc12 = {Shows::stops, Shows::right, Shows::right, Shows::right,
                                             Shows::right};
inline constexpr Expected kWrongWithGcc = {Shows::wrong, Shows::wrong, Shows::wrong, Shows::wrong,
                                           Shows::right};
inline constexpr Expected kRight = {Shows::right, Shows::right, Shows::right, Shows::right,
                                    Shows::right};
inline constexpr Expected kWrongWithAll = {Shows::wrong, Shows::wrong, Shows::wrong, Shows::wrong,
                                           Shows::wrong};

/// True if the program was right: every guard destroyed once, every check true.
class Trial {
 public:
  test::Guard guard() noexcept { return test::Guard(tally_); }
  void check(bool held) noexcept { held_ = held_ && held; }
  bool right() const noexcept { return held_ && tally_.all_gone_once(); }

 private:
  test::Tally tally_;
  bool held_ = true;
};

struct Form {
  const char* name;
  const char* code;  ///< as docs/compilers.md shows it
  Expected expected;
  void (*run)(Trial& trial);
};

inline std::vector<Form>& forms() {
  static std::vector<Form> all;
  return all;
}

struct Registered {
  explicit Registered(const Form& form) { forms().push_back(form); }
};

/// Defines a form: its body uses it, and tells `trial` what it saw.
#define FORM(name, code, expected)                                         \
  void name(Trial& trial);                                                 \
  const Registered registered_##name(Form{#name, code, (expected), name}); \
  void name([[maybe_unused]] Trial& trial)

}  // namespace eddy::traps
