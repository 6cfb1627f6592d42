// Memory of suspended async functions of node: COUNT.
// SPDX-License-Identifier: MIT
'use strict';

const fs = require('fs');

const residentBytes = () =>
  1024 * Number(/RssAnon:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);

const count = Number(process.argv[2]);
const kept = [];

async function suspended() {
  // A promise that nothing refers to would be collected, and the function with it.
  await new Promise((resolve) => kept.push(resolve));
}

suspended();
const before = residentBytes();
for (let i = 0; i < count; ++i) suspended();
console.log(((residentBytes() - before) / count).toFixed(1));
