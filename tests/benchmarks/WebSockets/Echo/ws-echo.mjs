// npm ws: every message goes back. Usage: node ws-echo.mjs PATH-OF-WS PORT[,CERTIFICATE,KEY] …
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
const { WebSocketServer } = (await import(process.argv[2])).default;

const echo = (socket) => socket.on('message', (data, binary) => socket.send(data, { binary }));
for (const listener of process.argv.slice(3)) {
  const [port, cert, key] = listener.split(',');
  const options = { host: '127.0.0.1', port: Number(port), backlog: 4096 };
  if (cert) {
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) });
    new WebSocketServer({ server, perMessageDeflate: false }).on('connection', echo);
    server.listen(options);
  } else {
    new WebSocketServer({ ...options, perMessageDeflate: false }).on('connection', echo);
  }
}
