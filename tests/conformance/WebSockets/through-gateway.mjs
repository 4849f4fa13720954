// A `ws` server behind the gateway and `ws` clients in front of it.
// Usage: node through-gateway.mjs GATEWAY_PORT BACKEND_PORT SCENARIO
// Prints OK and exits 0, or tells what was wrong and exits 1.
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import assert from 'node:assert/strict';
import { WebSocket, WebSocketServer } from 'ws';

const [gatewayPort, backendPort, scenario] = process.argv.slice(2);
const url = (path = '/') => `ws://127.0.0.1:${gatewayPort}${path}`;

const server = new WebSocketServer({
  host: '127.0.0.1',
  port: Number(backendPort),
  perMessageDeflate: { threshold: 0 },
  maxPayload: 64 << 20,
  handleProtocols: (protocols) => [...protocols].at(-1),
  verifyClient: ({ req }, done) => (req.url === '/refuse' ? done(false, 403, 'not you') : done(true)),
});
const sessions = [];
server.on('connection', (socket, request) => {
  const session = { socket, request, pings: 0, closed: once(socket, 'close') };
  sessions.push(session);
  socket.on('error', () => {});
  socket.on('ping', () => session.pings++);
  socket.on('message', (data, isBinary) => {
    if (!isBinary && data.toString() === 'ping me') socket.ping('server');
    else if (!isBinary && data.toString() === 'close me') socket.close(4002, 'as you wish');
    else socket.send(data, { binary: isBinary });
  });
});
await once(server, 'listening');

async function open(path, protocols, options) {
  const client = new WebSocket(url(path), protocols, options);
  await once(client, 'open');
  return client;
}

const hash = (data) => createHash('sha256').update(data).digest('hex');

const scenarios = {
  async messages() {
    const client = await open('/', [], { perMessageDeflate: false });
    assert.equal(client.extensions, '');
    for (const size of [0, 1, 125, 126, 127, 65_535, 65_536, 20 << 20]) {
      const sent = randomBytes(size);
      client.send(sent);
      const [received, isBinary] = await once(client, 'message');
      assert.equal(isBinary, true);
      assert.equal(hash(received), hash(sent), `message of ${size} bytes`);
    }
    client.send('gr\u00fc\u00dfe \u{1f6a2}');
    assert.equal((await once(client, 'message'))[0].toString(), 'gr\u00fc\u00dfe \u{1f6a2}');
    client.close(1000, 'done');
    assert.deepEqual((await once(client, 'close')).map(String), ['1000', 'done']);
    assert.deepEqual((await sessions[0].closed).map(String), ['1000', 'done']);
  },

  async fragments() {
    const client = await open('/', [], { perMessageDeflate: false });
    for (let i = 0; i < 50; i++) client.send(`part ${i};`, { fin: i === 49 });
    client.ping();
    const [[message]] = await Promise.all([once(client, 'message'), once(client, 'pong')]);
    assert.equal(message.toString(), Array.from({ length: 50 }, (_, i) => `part ${i};`).join(''));
    client.terminate();
  },

  async many() {
    const clients = await Promise.all(Array.from({ length: 50 }, () => open('/')));
    await Promise.all(clients.map(async (client, number) => {
      let next = 0;
      const all = new Promise((resolve, reject) => client.on('message', (data) => {
        if (data.toString() !== `${number}:${next}`) reject(new Error(`got ${data}, not ${number}:${next}`));
        if (++next === 400) resolve();
      }));
      for (let i = 0; i < 400; i++) client.send(`${number}:${i}`);
      await all;
      client.close();
      await once(client, 'close');
    }));
  },

  async compression() {
    const client = await open('/', [], { perMessageDeflate: { threshold: 0 } });
    assert.match(client.extensions, /permessage-deflate/);
    const sent = 'a compressible line\n'.repeat(200_000);
    client.send(sent);
    assert.equal((await once(client, 'message'))[0].toString(), sent);
    client.terminate();
  },

  async pings() {
    const client = await open('/');
    client.ping('client');
    assert.equal((await once(client, 'pong'))[0].toString(), 'client');
    assert.equal(sessions[0].pings, 1);
    const pong = once(sessions[0].socket, 'pong');
    client.send('ping me');
    assert.equal((await once(client, 'ping'))[0].toString(), 'server');
    assert.equal((await pong)[0].toString(), 'server');
    client.terminate();
  },

  async subprotocols() {
    const client = await open('/', ['first', 'second']);
    assert.equal(client.protocol, 'second');
    client.terminate();
  },

  async closing() {
    const client = await open('/');
    client.send('close me');
    assert.deepEqual((await once(client, 'close')).map(String), ['4002', 'as you wish']);
    assert.equal((await sessions[0].closed)[0], 4002);
  },

  async refusal() {
    const client = new WebSocket(url('/refuse'));
    client.on('error', () => {});
    const [, response] = await once(client, 'unexpected-response');
    assert.equal(response.statusCode, 403);
    let body = '';
    for await (const chunk of response) body += chunk;
    assert.equal(body, 'not you');
  },

  async headers() {
    const client = await open('/a/b?c=d', [], { headers: { 'X-Forwarded-For': '203.0.113.9', Cookie: 'x=y' } });
    const { url: target, headers } = sessions[0].request;
    assert.equal(target, '/a/b?c=d');
    assert.equal(headers['x-forwarded-for'], '203.0.113.9, 127.0.0.1');
    assert.equal(headers['x-forwarded-proto'], 'http');
    assert.equal(headers.host, `127.0.0.1:${gatewayPort}`);
    assert.equal(headers.cookie, 'x=y');
    assert.match(headers['x-request-id'], /^[0-9a-f]{32}$/);
    client.terminate();
  },

  // Talks until the gateway closes; the test drains the gateway when it reads READY.
  async drain() {
    const clients = await Promise.all(Array.from({ length: 20 }, () => open('/')));
    let talking = 0;
    await Promise.all(clients.map(async (client, number) => {
      let sent = 0;
      let received = 0;
      const pump = () => client.readyState === WebSocket.OPEN && client.send(`${number}:${sent++}:${'x'.repeat(sent % 3000)}`);
      client.on('message', (data) => {
        const text = data.toString();
        assert.ok(text.startsWith(`${number}:${received}:`), `got ${text.slice(0, 20)}, not ${number}:${received}`);
        assert.equal(text.length, `${number}:${received}:`.length + ((received + 1) % 3000));
        if (received++ === 0 && ++talking === clients.length) console.log('READY');
        pump();
      });
      pump();
      assert.deepEqual((await once(client, 'close')).map(String), ['1012', 'see you elsewhere']);
    }));
    const codes = await Promise.all(sessions.map(async ({ closed }) => (await closed).map(String)));
    for (const code of codes) assert.deepEqual(code, ['1012', 'see you elsewhere']);
  },
};

try {
  await scenarios[scenario]();
  console.log('OK');
  process.exit(0);
} catch (error) {
  console.log(error.stack ?? error);
  process.exit(1);
}
