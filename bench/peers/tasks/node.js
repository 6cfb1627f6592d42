// Tasks (async functions) and timers of node: OPERATION ROUNDS [LIVE].
// SPDX-License-Identifier: MIT
'use strict';

const [operation, roundsText, liveText] = process.argv.slice(2);
const rounds = Number(roundsText);
const live = Number(liveText || 1000);
const yielders = 1000;

async function nothing() {}

async function child() {
  for (let i = 0; i < rounds; ++i) await nothing();
}

async function yieldOften() {
  for (let i = 0; i < rounds / yielders; ++i) await null;
}

// What is measured, by operation, after what goes before.
const operations = {
  spawn_and_join: async () => {
    for (let i = 0; i < rounds; ++i) await Promise.resolve().then(nothing);
  },
  spawn_batch: async () => {
    for (let left = rounds; left > 0; left -= live) {
      await Promise.all(Array.from({length: live}, () => Promise.resolve().then(nothing)));
    }
  },
  child,
  yield: () => Promise.all(Array.from({length: yielders}, yieldOften)),
  sleep_and_cancel: async () => {
    for (let i = 0; i < rounds; ++i) clearTimeout(setTimeout(() => {}, 60000));
  },
};

async function main() {
  if (!(operation in operations)) {
    console.error(`no operation '${operation}'`);
    process.exit(2);
  }
  for (let i = 0; operation === 'sleep_and_cancel' && i < live; ++i) {
    setTimeout(() => {}, i === 0 ? 10000 : 3600000 + (i * 2654435769) % 3600000);
  }
  const before = process.cpuUsage();
  await operations[operation]();
  const used = process.cpuUsage(before);
  console.log(((used.user + used.system) * 1000 / rounds).toFixed(3));
  process.exit(0);
}

main();
