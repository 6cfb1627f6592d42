// compiler_traps --list: prints every form, and what each compiler should show for it.
// compiler_traps NAME: exits with 0 if that form was right.
// SPDX-License-Identifier: MIT
#include "compiler_traps/traps.hpp"

#include <cstdio>
#include <cstring>

namespace {

const char* word(eddy::traps::Shows shows) {
  switch (shows) {
    case eddy::traps::Shows::right:
      return "right";
    case eddy::traps::Shows::wrong:
      return "wrong";
    case eddy::traps::Shows::stops:
      return "stops";
  }
  return "?";
}

void list() {
  for (const auto& [name, code, expected, run] : eddy::traps::forms()) {
    std::printf("%s\t%s\t%s %s %s %s %s\n", name, code, word(expected.gcc12), word(expected.gcc13),
                word(expected.gcc14), word(expected.gcc15_16), word(expected.clang));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  if (std::strcmp(argv[1], "--list") == 0) {
    list();
    return 0;
  }
  for (const auto& form : eddy::traps::forms()) {
    if (std::strcmp(argv[1], form.name) != 0) continue;
    eddy::traps::Trial trial;
    form.run(trial);
    return trial.right() ? 0 : 1;
  }
  return 2;
}
