// Round trips of messages between node and a worker: parked ROUNDS.
// SPDX-License-Identifier: MIT
'use strict';

const {Worker, isMainThread, parentPort} = require('worker_threads');

if (!isMainThread) {
  parentPort.on('message', (ball) => parentPort.postMessage(ball));
} else {
  const [how, rounds] = process.argv.slice(2);
  if (how !== 'parked') {
    console.error(`no operation '${how}'`);
    process.exit(2);
  }
  const worker = new Worker(__filename);
  let left = Number(rounds);
  let began;
  worker.on('message', () => {
    if (left-- === 0) {
      console.log(Number(process.hrtime.bigint() - began) / Number(rounds));
      process.exit(0);
    }
    worker.postMessage(left);
  });
  worker.on('online', () => {
    began = process.hrtime.bigint();
    worker.postMessage(left);
  });
}
