// An HTTP/1.1 server on node. Prints its port.
// SPDX-License-Identifier: MIT
'use strict';

const http = require('http');

const server = http.createServer({noDelay: true, keepAliveTimeout: 0}, (request, response) => {
  response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 13});
  response.end('Hello, World!');
});
server.listen({host: '127.0.0.1', port: 0, backlog: 4096}, () => console.log(server.address().port));
