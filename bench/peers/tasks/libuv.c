// Timers of libuv.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <uv.h>

static void never(uv_timer_t* timer) { (void)timer; }

static void sleep_and_cancel(long rounds, long live) {
  uv_loop_t* loop = uv_default_loop();
  uv_timer_t* timers = calloc((size_t)live + 1, sizeof(*timers));
  for (long i = 0; i < live; ++i) {
    uv_timer_init(loop, &timers[i]);
    uv_timer_start(&timers[i], never, due_ms(i), 0);
  }
  uv_timer_t* timer = &timers[live];
  uv_timer_init(loop, timer);
  begin();
  for (long i = 0; i < rounds; ++i) {
    uv_timer_start(timer, never, 60000, 0);
    uv_timer_stop(timer);
  }
  end();
}

static const struct operation kOperations[] = {{"sleep_and_cancel", sleep_and_cancel}};

int main(int argc, char** argv) { return run_operation(argc, argv, kOperations, 1); }
