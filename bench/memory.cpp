// What a suspended task takes up.
//
// usage: memory COUNT      prints bytes of resident memory per task
// SPDX-License-Identifier: MIT

#include "eddy/eddy.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace {

/// Bytes of the process that are neither of a file nor shared.
double resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word != "RssAnon:") continue;
    double kibibytes = 0;
    status >> kibibytes;
    return kibibytes * 1024;
  }
  std::fputs("memory: /proc/self/status has no RssAnon\n", stderr);
  std::exit(1);
}

eddy::Task<> suspended() { co_await eddy::suspend(); }

eddy::Task<> measure(int count) {
  eddy::spawn(suspended).detach();
  co_await eddy::yield_now();
  const double before = resident_bytes();
  for (int i = 0; i < count; ++i) eddy::spawn(suspended).detach();
  co_await eddy::yield_now();  // all those run before this goes on
  std::printf("%.1f\n", (resident_bytes() - before) / count);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc == 2 ? std::atoi(argv[1]) : 0;
  if (count <= 0) {
    std::fprintf(stderr, "usage: %s COUNT\n", argv[0]);
    return 2;
  }
  eddy::block_on(measure(count));
}
