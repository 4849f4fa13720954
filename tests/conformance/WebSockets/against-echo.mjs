// A `ws` client against `gateway bench echo --websocket`.
// Usage: node against-echo.mjs PORT
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';

const client = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/any/path`, ['chat', 'other']);
await once(client, 'open');
assert.equal(client.protocol, 'chat');
assert.equal(client.extensions, '');
for (const size of [0, 1, 125, 126, 65_535, 65_536, 5 << 20]) {
  const sent = randomBytes(size);
  client.send(sent);
  const [received] = await once(client, 'message');
  assert.ok(sent.equals(received), `message of ${size} bytes`);
}
for (let i = 0; i < 20; i++) client.send(`part ${i};`, { fin: i === 19 });
assert.equal((await once(client, 'message'))[0].toString(), Array.from({ length: 20 }, (_, i) => `part ${i};`).join(''));
client.ping('hello');
assert.equal((await once(client, 'pong'))[0].toString(), 'hello');
client.close(4000, 'bye');
assert.deepEqual((await once(client, 'close')).map(String), ['4000', 'bye']);
console.log('OK');
