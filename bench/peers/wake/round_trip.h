// usage: PEER parked|polling ROUNDS      prints wall ns per round trip between two threads
//
// What the programs in C and C++ share.
// SPDX-License-Identifier: MIT
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long rounds;
static bool polling;

static void parse(int argc, char** argv, bool can_poll) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s parked|polling ROUNDS\n", argv[0]);
    exit(2);
  }
  polling = strcmp(argv[1], "polling") == 0;
  if (polling && !can_poll) {
    fprintf(stderr, "no operation 'polling'\n");
    exit(2);
  }
  rounds = atol(argv[2]);
}

static double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void print_since(double began) {
  printf("%.1f\n", (now_ns() - began) / (double)rounds);
  fflush(stdout);
  _Exit(0);
}
