// How late timers of libev are.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <ev.h>

static void on_timer(struct ev_loop* loop, ev_timer* timer, int events) {
  (void)loop, (void)events;
  note((long)(intptr_t)timer->data);
}
static void on_begin(struct ev_loop* loop, ev_timer* timer, int events) {
  (void)loop, (void)timer, (void)events;
  begin();
}

static void start(struct ev_loop* loop, ev_timer* timer, int64_t due) {
  ev_now_update(loop);
  ev_timer_set(timer, (double)(due - now_ns()) * 1e-9, 0);
  ev_timer_start(loop, timer);
}

int main(int argc, char** argv) {
  prepare(argc, argv);
  struct ev_loop* loop = ev_default_loop(0);
  ev_timer* timers = calloc((size_t)timer_count + 1, sizeof(*timers));
  for (long i = 0; i < timer_count; ++i) {
    ev_init(&timers[i], on_timer);
    timers[i].data = (void*)(intptr_t)i;
    start(loop, &timers[i], due_ns(i));
  }
  ev_init(&timers[timer_count], on_begin);
  start(loop, &timers[timer_count], first_due - 1000000);
  ev_run(loop, 0);
}
