// Timers of libevent.
// SPDX-License-Identifier: MIT

#include "operation.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static void never(int fd, short events, void* data) { (void)fd, (void)events, (void)data; }

static void sleep_and_cancel(long rounds, long live) {
  struct event_config* config = event_config_new();
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  struct event_base* base = event_base_new_with_config(config);
  struct event* timers = calloc((size_t)live + 1, sizeof(*timers));
  for (long i = 0; i <= live; ++i) {
    evtimer_assign(&timers[i], base, never, NULL);
    if (i == live) break;
    const struct timeval after = {(time_t)(due_ms(i) / 1000), (long)(due_ms(i) % 1000) * 1000};
    evtimer_add(&timers[i], &after);
  }
  const struct timeval minute = {60, 0};
  begin();
  for (long i = 0; i < rounds; ++i) {
    evtimer_add(&timers[live], &minute);
    evtimer_del(&timers[live]);
  }
  end();
}

static const struct operation kOperations[] = {{"sleep_and_cancel", sleep_and_cancel}};

int main(int argc, char** argv) { return run_operation(argc, argv, kOperations, 1); }
