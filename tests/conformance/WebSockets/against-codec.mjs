// A `ws` client against the codec of `gateway serve`: gateway bench echo --websocket --reactor [--deflate shared|takeover].
// Usage: node against-codec.mjs PORT none|shared|takeover
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { deflateRawSync } from 'node:zlib';
import { Sender, WebSocket } from 'ws';

const [port, mode] = process.argv.slice(2);
const url = `ws://127.0.0.1:${port}/any/path`;

async function open(perMessageDeflate) {
  const client = new WebSocket(url, ['echo', 'other'], { perMessageDeflate });
  await once(client, 'open');
  assert.equal(client.protocol, 'echo');
  return client;
}

async function echoed(client, sent, options) {
  client.send(sent, options);
  const [received, binary] = await once(client, 'message');
  assert.equal(binary, typeof sent !== 'string');
  assert.ok(Buffer.from(sent).equals(received), `message of ${sent.length}`);
}

/** Everything that may be sent, as ws sends it and takes it back, which is strict about masks, lengths, UTF-8, RSV bits and zlib data. */
async function talk(perMessageDeflate, extensions) {
  const client = await open(perMessageDeflate);
  assert.equal(client.extensions, perMessageDeflate && mode !== 'none' ? 'permessage-deflate' : '');
  const agreed = client._extensions['permessage-deflate']?.params ?? {};
  assert.deepEqual(Object.keys(agreed).sort(), [...extensions].sort());
  const text = 'grüße ⛵ '.repeat(3000);
  for (const message of ['', 'grüße ⛵', text, text, randomBytes(0), randomBytes(1), randomBytes(125), randomBytes(126), randomBytes(65_535), randomBytes(65_536)]) {
    await echoed(client, message);
    await echoed(client, message, { compress: false });
  }
  // Fragments, cut within characters, with pings among them: the pongs come at once, the message when it is whole.
  const bytes = Buffer.from(text);
  const pongs = [];
  client.on('pong', (data) => pongs.push(String(data)));
  const message = once(client, 'message');
  for (let at = 0; at < bytes.length; at += 1001) {
    client.send(bytes.subarray(at, at + 1001), { binary: false, fin: at + 1001 >= bytes.length });
    client.ping(String(at));
  }
  assert.equal((await message)[0].toString(), text);
  await echoed(client, 'after');
  assert.deepEqual(pongs, Array.from({ length: Math.ceil(bytes.length / 1001) }, (_, i) => String(i * 1001)));
  client.close(4000, 'bye');
  assert.equal((await once(client, 'close'))[0], 4000);
}

/** Sends bytes that ws would not; what the server closes with. */
async function refused(code, perMessageDeflate, ...frames) {
  const client = await open(perMessageDeflate);
  client.on('error', () => {});
  const closed = once(client, 'close');
  for (const frame of frames) client._socket.write(frame);
  const [got, reason] = await closed;
  assert.equal(got, code, `${got} ${reason}`);
  assert.ok(reason.length > 0);
}

function frame(data, options) {
  return Buffer.concat(Sender.frame(Buffer.from(data), { fin: true, rsv1: false, opcode: 2, mask: true, readOnly: false, ...options }));
}

const takeover = mode === 'takeover';
if (mode === 'none') {
  await talk(true, []);
  await refused(1002, true, frame('x', { rsv1: true }));
} else {
  const both = ['server_no_context_takeover', 'client_no_context_takeover'];
  await talk(false, []);
  await talk({ threshold: 0 }, takeover ? [] : both);
  await talk({ threshold: 0, serverNoContextTakeover: true }, takeover ? ['server_no_context_takeover'] : both);
  await talk({ threshold: 0, clientNoContextTakeover: true }, takeover ? ['client_no_context_takeover'] : both);
  // What the client asked for of its own window it keeps to by itself: the server need not say it.
  await talk({ threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 10 }, [...(takeover ? [] : both), 'server_max_window_bits', 'client_max_window_bits']);
  await talk({ threshold: 0, serverMaxWindowBits: 12, serverNoContextTakeover: true, clientNoContextTakeover: true }, [...both, 'server_max_window_bits']);
  const bomb = deflateRawSync(Buffer.alloc(16 << 20), { level: 9 });
  await refused(1009, true, frame(bomb, { rsv1: true }));
  await refused(1007, true, frame([0x07, 0x07, 0x07], { rsv1: true }));
  await refused(1007, true, frame(deflateRawSync(Buffer.from([0x41, 0xc0])), { rsv1: true, opcode: 1 }));
  await refused(1002, true, frame('x', { rsv1: true, opcode: 9 }));
  await refused(1002, true, frame('', { fin: false }), frame('', { rsv1: true, opcode: 0 }));
}

await refused(1007, false, frame([0xce, 0xba, 0xff], { opcode: 1 }));
await refused(1007, false, frame([0xce], { opcode: 1, fin: false }), frame([0x41], { opcode: 0 }));
await refused(1007, false, frame([0xed, 0xa0, 0x80], { opcode: 1 }));
for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000]) {
  await refused(1002, false, frame([code >> 8, code & 255], { opcode: 8 }));
}
await refused(1002, false, frame([3], { opcode: 8 }));
await refused(1007, false, frame([0x03, 0xe8, 0xff], { opcode: 8 }));
await refused(1009, false, frame(Buffer.alloc(65_537)));
await refused(1009, false, frame(Buffer.alloc(40_000), { fin: false }), frame(Buffer.alloc(40_000), { opcode: 0 }));
await refused(1002, false, frame('x', { opcode: 3 }));
await refused(1002, false, frame('x', { opcode: 0 }));
await refused(1002, false, frame('x', { fin: false }), frame('x', {}));
await refused(1002, false, frame('x', { mask: false }));
console.log('OK');
process.exit(0);
