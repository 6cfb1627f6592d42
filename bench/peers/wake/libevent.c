// Round trips of event_active between two threads.
// SPDX-License-Identifier: MIT

#include "round_trip.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>

struct side {
  struct event_base* base;
  struct event* wake;
};

static struct side here, there;
static double began;
static long left;

static void answer(int fd, short events, void* data) {
  (void)fd, (void)events, (void)data;
  event_active(here.wake, 0, 0);
}

static void serve(int fd, short events, void* data) {
  (void)fd, (void)events, (void)data;
  if (left-- == 0) print_since(began);
  event_active(there.wake, 0, 0);
}

static void prepare(struct side* side, event_callback_fn on_wake) {
  side->base = event_base_new();
  side->wake = event_new(side->base, -1, EV_PERSIST, on_wake, NULL);
  event_add(side->wake, NULL);
}

static void* run(void* base) {
  const int flags = EVLOOP_NO_EXIT_ON_EMPTY | (polling ? EVLOOP_NONBLOCK : 0);
  while (event_base_loop(base, flags) >= 0) continue;
  return NULL;
}

int main(int argc, char** argv) {
  parse(argc, argv, true);
  left = rounds;
  evthread_use_pthreads();
  prepare(&here, serve);
  prepare(&there, answer);
  pthread_t other;
  if (pthread_create(&other, NULL, run, there.base) != 0) abort();
  began = now_ns();
  event_active(here.wake, 0, 0);
  run(here.base);
}
