// How late timers of libuv are, which count in milliseconds: rounded up, and they may still be
// early.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <uv.h>

static void on_timer(uv_timer_t* timer) { note((long)(intptr_t)timer->data); }
static void on_begin(uv_timer_t* timer) {
  (void)timer;
  begin();
}

static void start(uv_timer_t* timer, uv_timer_cb callback, int64_t due) {
  uv_timer_init(uv_default_loop(), timer);
  uv_update_time(uv_default_loop());
  const int64_t after = due - now_ns();
  uv_timer_start(timer, callback, after < 0 ? 0 : (uint64_t)(after + 999999) / 1000000, 0);
}

int main(int argc, char** argv) {
  prepare(argc, argv);
  uv_timer_t* timers = calloc((size_t)timer_count + 1, sizeof(*timers));
  for (long i = 0; i < timer_count; ++i) {
    start(&timers[i], on_timer, due_ns(i));
    timers[i].data = (void*)(intptr_t)i;
  }
  start(&timers[timer_count], on_begin, first_due - 1000000);
  uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
