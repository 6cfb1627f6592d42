// The limits to compare tasks and timers with: the same work as hand-written loops that do nothing
// else.
//
// usage: limits OPERATION ROUNDS [LIVE]      prints CPU ns per operation; LIVE timers stay armed
// SPDX-License-Identifier: MIT

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { kYielders = 1000, kSlots = 64 };

struct task {
  struct task* next;
  void (*step)(struct task*);
  struct task* joiner;
};

static struct task* first_ready;
static struct task** last_ready = &first_ready;
static struct task* free_tasks;
static long rounds;
static long live_timers = 1000;
static double began;  // when the measured part begins

static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void make_ready(struct task* task) {
  task->next = NULL;
  *last_ready = task;
  last_ready = &task->next;
}

static void run_until_idle(void) {
  while (first_ready != NULL) {
    struct task* task = first_ready;
    first_ready = task->next;
    if (first_ready == NULL) last_ready = &first_ready;
    task->step(task);
  }
}

static struct task* new_task(void) {
  struct task* task = free_tasks;
  if (task == NULL) return malloc(sizeof(*task));
  free_tasks = task->next;
  return task;
}

static void end_task(struct task* task) {
  make_ready(task->joiner);
  task->next = free_tasks;
  free_tasks = task;
}

static void spawn_and_join_step(struct task* self) {
  if (rounds-- == 0) return;
  struct task* child = new_task();
  child->step = end_task;
  child->joiner = self;
  make_ready(child);
}

static void spawn_and_join(void) {
  static struct task parent;
  parent.step = spawn_and_join_step;
  make_ready(&parent);
  run_until_idle();
}

static void yield_step(struct task* self) {
  if (rounds-- > 0) make_ready(self);
}

static void yield(void) {
  static struct task tasks[kYielders];
  rounds *= kYielders;
  for (int i = 0; i < kYielders; ++i) {
    tasks[i].step = yield_step;
    make_ready(&tasks[i]);
  }
  run_until_idle();
}

// One level of a timer wheel.
struct timer {
  struct timer* previous;
  struct timer* next;
  uint64_t tick;
};

static struct timer slots[kSlots];
static uint64_t occupied;

static __attribute__((noinline)) void arm(struct timer* timer, uint64_t tick) {
  const unsigned slot = tick % kSlots;
  timer->tick = tick;
  timer->previous = slots[slot].previous;
  timer->next = &slots[slot];
  timer->previous->next = timer;
  slots[slot].previous = timer;
  occupied |= 1ULL << slot;
}

static __attribute__((noinline)) void cancel(struct timer* timer) {
  timer->previous->next = timer->next;
  timer->next->previous = timer->previous;
  if (timer->next == timer->previous) occupied &= ~(1ULL << timer->tick % kSlots);
}

static void sleep_and_cancel(void) {
  struct timer* live = calloc((size_t)live_timers, sizeof(*live));
  if (live == NULL) abort();
  for (int i = 0; i < kSlots; ++i) slots[i].previous = slots[i].next = &slots[i];
  for (long i = 0; i < live_timers; ++i) arm(&live[i], (uint64_t)i);
  began = cpu_ns();
  for (long i = 0; i < rounds; ++i) {
    struct timer timer;
    arm(&timer, 17);
    cancel(&timer);
  }
}

int main(int argc, char** argv) {
  const struct {
    const char* name;
    void (*run)(void);
    int per_round;
  } operations[] = {{"spawn_and_join", spawn_and_join, 1},
                    {"yield", yield, kYielders},
                    {"sleep_and_cancel", sleep_and_cancel, 1}};
  if (argc == 3 || argc == 4) {
    rounds = atol(argv[2]);
    if (argc == 4) live_timers = atol(argv[3]);
    const double operation_count = (double)rounds;
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); ++i) {
      if (strcmp(argv[1], operations[i].name) != 0) continue;
      began = cpu_ns();
      operations[i].run();
      printf("%.2f\n", (cpu_ns() - began) / operation_count / operations[i].per_round);
      return 0;
    }
  }
  fprintf(stderr, "usage: %s spawn_and_join|yield|sleep_and_cancel ROUNDS [LIVE]\n", argv[0]);
  return 2;
}
