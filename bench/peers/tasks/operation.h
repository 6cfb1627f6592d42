// usage: PEER OPERATION ROUNDS [LIVE]      prints CPU ns per operation; LIVE timers stay armed, or
// LIVE tasks are spawned before the first is joined (spawn_batch)
//
// What the programs in C and C++ share. `yield` is among kYielders tasks that do the same;
// `contended_mutex` is among kLockers.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kYielders = 1000, kLockers = 100 };

struct operation {
  const char* name;
  void (*run)(long rounds, long live);
};

static double began, ended;

static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

// What is measured lies between these two.
static void begin(void) { began = cpu_ns(); }
static void end(void) { ended = cpu_ns(); }

// When the i-th of the timers that stay is due, in ms from now: in the hour after the next, and not
// in order; but the first soon, so that what is measured is not to be the earliest.
static inline uint64_t due_ms(long i) {
  return i == 0 ? 10000 : 3600000 + (uint64_t)i * 2654435769U % 3600000;
}

static int run_operation(int argc, char** argv, const struct operation* operations, size_t count) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: %s OPERATION ROUNDS [LIVE]\n", argv[0]);
    return 2;
  }
  const long rounds = atol(argv[2]);
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(argv[1], operations[i].name) != 0) continue;
    operations[i].run(rounds, argc == 4 ? atol(argv[3]) : 1000);
    printf("%.3f\n", (ended - began) / (double)rounds);
    return 0;
  }
  fprintf(stderr, "no operation '%s'\n", argv[1]);
  return 2;
}
