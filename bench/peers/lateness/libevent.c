// How late timers of libevent are, by its precise clock.
// SPDX-License-Identifier: MIT

#include "lateness.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base* base;

static void on_timer(int fd, short events, void* data) {
  (void)fd, (void)events;
  note((long)(intptr_t)data);
}
static void on_begin(int fd, short events, void* data) {
  (void)fd, (void)events, (void)data;
  begin();
}

static void start(struct event* timer, event_callback_fn callback, long i, int64_t due) {
  evtimer_assign(timer, base, callback, (void*)(intptr_t)i);
  const int64_t after = due - now_ns();
  const struct timeval length = {after / 1000000000, after % 1000000000 / 1000};
  evtimer_add(timer, &length);
}

int main(int argc, char** argv) {
  prepare(argc, argv);
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_PRECISE_TIMER);
  base = event_base_new_with_config(config);
  struct event* timers = calloc((size_t)timer_count + 1, sizeof(*timers));
  for (long i = 0; i < timer_count; ++i) start(&timers[i], on_timer, i, due_ns(i));
  start(&timers[timer_count], on_begin, 0, first_due - 1000000);
  event_base_dispatch(base);
}
