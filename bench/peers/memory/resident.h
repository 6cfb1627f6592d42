// usage: PEER COUNT      prints bytes of resident memory for each of COUNT suspended tasks
// SPDX-License-Identifier: MIT
#pragma once

#include <stdio.h>
#include <stdlib.h>

static long parse_count(int argc, char** argv) {
  const long count = argc == 2 ? atol(argv[1]) : 0;
  if (count > 0) return count;
  fprintf(stderr, "usage: %s COUNT\n", argv[0]);
  exit(2);
}

// Bytes of the process that are neither of a file nor shared.
static double resident_bytes(void) {
  FILE* status = fopen("/proc/self/status", "r");
  char line[256];
  long kibibytes = -1;
  while (status != NULL && kibibytes < 0 && fgets(line, sizeof(line), status) != NULL) {
    if (sscanf(line, "RssAnon: %ld", &kibibytes) != 1) kibibytes = -1;
  }
  if (kibibytes < 0) abort();
  fclose(status);
  return (double)kibibytes * 1024;
}

static void print_each(double before, long count) {
  printf("%.1f\n", (resident_bytes() - before) / (double)count);
  fflush(stdout);
  _Exit(0);
}
