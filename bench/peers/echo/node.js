// Echo on node. Prints its port. Node offers a server no choice of its read buffer: it is 64 KiB.
// SPDX-License-Identifier: MIT
'use strict';

const net = require('net');

const server = net.createServer({noDelay: true}, (socket) => {
  socket.on('data', (data) => {
    if (!socket.write(data)) socket.pause();
  });
  socket.on('drain', () => socket.resume());
  socket.on('error', () => socket.destroy());
});
server.listen({host: '127.0.0.1', port: 0, backlog: 4096}, () => console.log(server.address().port));
