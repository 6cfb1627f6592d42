// Timers of libev.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <ev.h>

static void never(struct ev_loop* loop, ev_timer* timer, int events) {
  (void)loop, (void)timer, (void)events;
}

static void sleep_and_cancel(long rounds, long live) {
  struct ev_loop* loop = ev_default_loop(0);
  ev_timer* timers = calloc((size_t)live, sizeof(*timers));
  for (long i = 0; i < live; ++i) {
    ev_timer_init(&timers[i], never, (double)due_ms(i) / 1000, 0);
    ev_timer_start(loop, &timers[i]);
  }
  begin();
  for (long i = 0; i < rounds; ++i) {
    ev_timer timer;
    ev_timer_init(&timer, never, 60, 0);
    ev_timer_start(loop, &timer);
    ev_timer_stop(loop, &timer);
  }
  end();
}

static const struct operation kOperations[] = {{"sleep_and_cancel", sleep_and_cancel}};

int main(int argc, char** argv) { return run_operation(argc, argv, kOperations, 1); }
