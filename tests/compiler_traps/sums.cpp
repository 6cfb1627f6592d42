// Frames that g++ 12 misplaces by a sum of 16 bytes, so that their alignment does not show it.
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <cstddef>

namespace eddy::traps {
namespace {

using test::run;

Task<bool> truth(bool value) {
  co_await yield_now();
  co_return value;
}

Task<std::size_t> size() {
  co_await yield_now();
  co_return 2;
}

Task<> two_switches(int& seen) {
  switch (co_await size()) {
    case 2:
      ++seen;
  }
  switch (co_await size()) {
    case 2:
      ++seen;
  }
}

FORM(two_switches_without_variables,
     "Task<> f() { switch (co_await n()) {...} switch (co_await n()) {...} }", kStopsWithGcc12) {
  int seen = 0;
  run([&]() -> Task<> { co_await two_switches(seen); });
  trial.check(seen == 2);
}

Task<> nine_ifs(int& seen) {
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
  if (co_await truth(true)) ++seen;
}

FORM(nine_ifs_without_variables, "Task<> f() { if (co_await b()) ++n; /* nine times */ }",
     kStopsWithGcc12) {
  int seen = 0;
  run([&]() -> Task<> { co_await nine_ifs(seen); });
  trial.check(seen == 9);
}

__extension__ using Wide = __int128;

Task<Wide> wide() {
  co_await yield_now();
  co_return 2;
}

Task<> switch_of_a_wide_number(int& seen) {
  switch (co_await wide()) {
    case 2:
      ++seen;
  }
}

FORM(switch_of_a_wide_number_without_variables, "Task<> f() { switch (co_await int128()) {...} }",
     kStopsWithGcc12) {
  int seen = 0;
  run([&]() -> Task<> { co_await switch_of_a_wide_number(seen); });
  trial.check(seen == 1);
}

}  // namespace
}  // namespace eddy::traps
