// A TCP proxy on node. BACKEND_PORT; prints its port.
// SPDX-License-Identifier: MIT
'use strict';

const net = require('net');

const server = net.createServer({noDelay: true, allowHalfOpen: true}, (client) => {
  const backend = net.connect({host: '127.0.0.1', port: Number(process.argv[2]), noDelay: true,
                               allowHalfOpen: true});
  client.pipe(backend);
  backend.pipe(client);
  const end = () => {
    client.destroy();
    backend.destroy();
  };
  client.on('error', end);
  backend.on('error', end);
});
server.listen({host: '127.0.0.1', port: 0, backlog: 4096}, () => console.log(server.address().port));
