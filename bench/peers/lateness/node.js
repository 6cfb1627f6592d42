// How late timers of node are, which count in milliseconds: COUNT.
// SPDX-License-Identifier: MIT
'use strict';

const count = Number(process.argv[2]);
const lateness = [];
const now = () => Number(process.hrtime.bigint());
const start = now() + 1e9;
let before;

function finish() {
  const used = process.cpuUsage(before);
  lateness.sort((a, b) => a - b);
  console.log(Math.round(lateness[count / 2]), Math.round(lateness[count * 0.99]),
              Math.round(lateness[count - 1]), ((used.user + used.system) * 1000 / count).toFixed(1));
}

for (let i = 0; i < count; ++i) {
  const due = start + Math.floor(1e9 / count) * (i * 7919 % count);
  setTimeout(() => {
    lateness.push(now() - due);
    if (lateness.length === count) finish();
  }, Math.ceil((due - now()) / 1e6));
}
setTimeout(() => { before = process.cpuUsage(); }, Math.ceil((start - 1e6 - now()) / 1e6));
