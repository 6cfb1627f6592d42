// usage: PEER COUNT      prints lateness p50, p99 and max in ns, and CPU ns per timer
//
// What the programs in C and C++ share: COUNT timers that fall due evenly over the second after
// next, made in another order.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t *lateness_ns, first_due;
static long timer_count, done_count;
static double cpu_before;

static int64_t read_clock(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t now_ns(void) { return read_clock(CLOCK_MONOTONIC); }

static void prepare(int argc, char** argv) {
  timer_count = argc == 2 ? atol(argv[1]) : 0;
  if (timer_count <= 0) {
    fprintf(stderr, "usage: %s COUNT\n", argv[0]);
    exit(2);
  }
  lateness_ns = (int64_t*)calloc((size_t)timer_count, sizeof(*lateness_ns));
  if (lateness_ns == NULL) abort();
  first_due = now_ns() + 1000000000;
}

// On the monotonic clock. The step has no divisor in common with the count, so each is visited
// once.
static int64_t due_ns(long i) {
  return first_due + 1000000000 / timer_count * (i * 7919 % timer_count);
}

// The timer one millisecond before the first calls this.
static void begin(void) { cpu_before = (double)read_clock(CLOCK_PROCESS_CPUTIME_ID); }

static int compare(const void* a, const void* b) {
  const int64_t left = *(const int64_t*)a;
  const int64_t right = *(const int64_t*)b;
  return left < right ? -1 : left > right;
}

// To be called when timer i ends; the last one prints, and ends the program.
static void note(long i) {
  lateness_ns[done_count++] = now_ns() - due_ns(i);
  if (done_count != timer_count) return;
  const double cpu = (double)read_clock(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
  qsort(lateness_ns, (size_t)timer_count, sizeof(*lateness_ns), compare);
  printf("%lld %lld %lld %.1f\n", (long long)lateness_ns[timer_count / 2],
         (long long)lateness_ns[timer_count * 99 / 100], (long long)lateness_ns[timer_count - 1],
         cpu / (double)timer_count);
  fflush(stdout);
  _Exit(0);
}
