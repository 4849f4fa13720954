// The npm package centrifuge, untouched, against a Hub listener: node centrifuge.mjs <port> <json|protobuf> <scenario> <directory>
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync, readFileSync, renameSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import WebSocket, { Sender } from 'ws';
import { CentClient } from 'cent.js';
import { Centrifuge as JsonClient } from 'centrifuge';
import { Centrifuge as ProtobufClient } from 'centrifuge/build/protobuf';
import { hmacToken, makeKeys, seconds, signedToken } from './tokens.mjs';

const [port, encoding, scenario, directory] = process.argv.slice(2);
const isJson = encoding === 'json';
const open = [];

function client(token, options = {}) {
  const Client = isJson ? JsonClient : ProtobufClient;
  const made = new Client(`ws://127.0.0.1:${port}/connection/websocket`, {
    websocket: WebSocket,
    minReconnectDelay: 100,
    maxReconnectDelay: 500,
    ...(token === undefined ? {} : typeof token === 'function' ? { getToken: token } : { token }),
    ...options,
  });
  open.push(made);
  return made;
}

const data = (value) => (isJson ? value : new TextEncoder().encode(JSON.stringify(value)));
const value = (raw) => (isJson ? raw : JSON.parse(new TextDecoder().decode(raw)));

function next(emitter, event, accept = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within 30 s`)), 30_000);
    const listener = (context) => {
      if (accept(context)) {
        clearTimeout(timer);
        emitter.removeListener(event, listener);
        resolve(context);
      }
    };
    emitter.on(event, listener);
  });
}

async function connected(token, options) {
  const made = client(token, options);
  const up = next(made, 'connected');
  made.connect();
  return [made, await up];
}

async function subscribed(connection, channel, options) {
  const subscription = connection.newSubscription(channel, options);
  const got = [];
  subscription.on('publication', (context) => got.push({ ...context, data: value(context.data) }));
  const up = next(subscription, 'subscribed');
  subscription.subscribe();
  return [subscription, got, await up];
}

async function until(condition, what) {
  const end = Date.now() + 30_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

async function api(method, parameters, key = 'an-api-key-of-the-tests') {
  const answer = await fetch(`http://127.0.0.1:${port}/api/${method}`, {
    method: 'POST',
    headers: { 'X-API-Key': key, 'Content-Type': 'application/json' },
    body: JSON.stringify(parameters),
  });
  return { status: answer.status, ...(answer.status === 401 ? {} : await answer.json()) };
}

const user = (name, more = {}) => hmacToken({ sub: name, exp: seconds(300), ...more });

const scenarios = {
  async connect() {
    const [one, context] = await connected(user('anna'));
    assert.match(context.client, /^[0-9a-f-]{36}$/);
    assert.equal(one.state, 'connected');
    await one.ready();
    const [, anonymous] = await connected();
    assert.notEqual(anonymous.client, context.client);
    const bad = client(`${user('anna')}x`);
    bad.connect();
    assert.equal((await next(bad, 'disconnected')).code, 3500);
  },

  async publish() {
    const [one] = await connected(user('anna', { info: { nick: 'A' } }));
    const [two] = await connected(user('ben'));
    const [, got] = await subscribed(one, 'chat:room');
    const [other, gotToo] = await subscribed(two, 'chat:room');
    for (let i = 0; i < 50; i++) {
      await other.publish(data({ text: `line\n${i}`, ünï: '☃' }));
    }
    await until(() => got.length === 50 && gotToo.length === 50, 'all have come to both');
    assert.deepEqual(got.map((one) => one.data.text), Array.from({ length: 50 }, (_, i) => `line\n${i}`));
    assert.deepEqual(got.map((one) => one.offset), Array.from({ length: 50 }, (_, i) => i + 1));
    assert.equal(got[0].info.user, 'ben');
    const history = await one.history('chat:room', { limit: 3, reverse: true });
    assert.deepEqual(history.publications.map((one) => one.offset), [50, 49, 48]);
    assert.equal(history.offset, 50);
    const since = await one.history('chat:room', { limit: -1, since: { offset: 47, epoch: history.epoch } });
    assert.deepEqual(since.publications.map((one) => value(one.data).text), ['line\n47', 'line\n48', 'line\n49']);
    await assert.rejects(one.history('chat:room', { limit: 1, since: { offset: 1, epoch: 'other' } }), { code: 112 });
    assert.equal((await one.history('chat:room')).publications.length, 0);
  },

  async refused() {
    const [one] = await connected(user('anna'));
    for (const [channel, code] of [['nowhere:x', 102], ['private:x', 103], ['chat:#ben', 103], ['no-namespace', 102]]) {
      const subscription = one.newSubscription(channel);
      subscription.subscribe();
      assert.equal((await next(subscription, 'unsubscribed')).code, code, channel);
    }
    await assert.rejects(one.publish('private:x', data({})), { code: 103 });
    await assert.rejects(one.presence('presence:room'), { code: 103 });
    await assert.rejects(one.history('presence:x'), { code: 108 });
    // And it is still good.
    await subscribed(one, 'chat:room');
    const [personal] = await subscribed(one, 'delta:#anna');
    personal.unsubscribe();
    await one.publish('chat:other', data({ a: 1 }));
  },

  async recovery() {
    const [one] = await connected(user('anna'));
    const [subscription, got, first] = await subscribed(one, 'chat:room');
    assert.equal(first.recoverable, true);
    assert.equal(first.wasRecovering, false);
    for (let round = 0; round < 3; round++) {
      const before = got.length;
      const again = next(subscription, 'subscribed');
      const gone = next(one, 'connecting');
      assert.equal((await api('disconnect', { user: 'anna', disconnect: { code: 3000, reason: 'elsewhere' } })).status, 200);
      assert.equal((await gone).code, 3000);
      for (let i = 0; i < 5; i++) {
        assert.ok((await api('publish', { channel: 'chat:room', data: { round, i } })).result.offset > 0);
      }
      const context = await again;
      assert.equal(context.wasRecovering, true);
      assert.equal(context.recovered, true);
      await until(() => got.length >= before + 5, 'what was missed');
    }
    assert.deepEqual(got.map((one) => one.offset), Array.from({ length: 15 }, (_, i) => i + 1));
    // More than the history keeps.
    const lost = next(subscription, 'subscribed');
    const gone = next(one, 'connecting');
    await api('disconnect', { user: 'anna', disconnect: { code: 3000, reason: 'elsewhere' } });
    await gone;
    await api('batch', { commands: Array.from({ length: 110 }, (_, i) => ({ publish: { channel: 'chat:room', data: i } })) });
    const context = await lost;
    assert.equal(context.recovered, false);
    await api('publish', { channel: 'chat:room', data: 'fresh' });
    await until(() => got.at(-1).data === 'fresh', 'live again');
    assert.equal(got.length, 16);
  },

  async presence() {
    const [one] = await connected(user('anna', { info: { nick: 'A' } }));
    const [subscription] = await subscribed(one, 'presence:room', { joinLeave: true });
    const joins = [];
    const leaves = [];
    subscription.on('join', (context) => joins.push(context.info.user));
    subscription.on('leave', (context) => leaves.push(context.info.user));
    const [two, { client: second }] = await connected(user('ben'));
    await subscribed(two, 'presence:room');
    await until(() => joins.includes('ben'), 'ben joins');
    const { clients } = await subscription.presence();
    assert.equal(Object.keys(clients).length, 2);
    assert.equal(clients[second].user, 'ben');
    assert.deepEqual(await subscription.presenceStats(), { numClients: 2, numUsers: 2 });
    two.disconnect();
    await until(() => leaves.includes('ben'), 'ben leaves');
    assert.deepEqual((await api('presence_stats', { channel: 'presence:room' })).result, { num_clients: 1, num_users: 1 });
    const present = Object.values((await api('presence', { channel: 'presence:room' })).result.presence);
    assert.equal(present[0].user, 'anna');
    if (isJson) {
      assert.deepEqual(present[0].conn_info, { nick: 'A' });
    }
  },

  async rpc() {
    const calls = [];
    const backend = createServer((request, response) => {
      let text = '';
      request.on('data', (part) => (text += part));
      request.on('end', () => {
        const call = JSON.parse(text);
        calls.push(call);
        const input = call.data ?? (call.b64data ? JSON.parse(Buffer.from(call.b64data, 'base64')) : undefined);
        const output = { doubled: input?.number * 2 };
        response.end(
          JSON.stringify(
            call.method === 'fail' ? { error: { code: 1000, message: 'mine' } }
            : call.method === 'kick' ? { disconnect: { code: 4501, reason: 'kicked' } }
            : isJson ? { result: { data: output } }
            : { result: { b64data: Buffer.from(JSON.stringify(output)).toString('base64') } },
          ),
        );
      });
    });
    backend.listen(Number(readFileSync(join(directory, 'rpc.port'))), '127.0.0.1');
    await once(backend, 'listening');
    const [one, { client: id }] = await connected(user('anna'));
    const answer = await one.rpc('double', data({ number: 21 }));
    assert.deepEqual(value(answer.data), { doubled: 42 });
    assert.equal(calls[0].user, 'anna');
    assert.equal(calls[0].client, id);
    await assert.rejects(one.rpc('fail', data({})), { code: 1000, message: 'mine' });
    one.rpc('kick', data({})).catch(() => {});
    assert.equal((await next(one, 'disconnected')).code, 4501);
    backend.close();
  },

  async server() {
    const token = user('anna', { subs: { 'chat:news': { data: { hello: 1 } } } });
    const made = client(token);
    const got = [];
    const begun = [];
    made.on('publication', (context) => got.push([context.channel, value(context.data)]));
    made.on('subscribed', (context) => begun.push(context));
    made.connect();
    await until(() => begun.length === 2, 'both server-side subscriptions');
    assert.deepEqual(begun.map((one) => one.channel).sort(), ['chat:#anna', 'chat:news']);
    await api('publish', { channel: 'chat:news', data: 'one' });
    await api('publish', { channel: 'chat:#anna', data: 'two' });
    await until(() => got.length === 2, 'both publications');
    assert.deepEqual(got.sort(), [['chat:#anna', 'two'], ['chat:news', 'one']]);
    // What is missed comes with the next connect.
    const gone = next(made, 'connecting');
    await api('disconnect', { user: 'anna', disconnect: { code: 3000, reason: 'elsewhere' } });
    await gone;
    await api('publish', { channel: 'chat:news', data: 'missed' });
    await until(() => got.some(([, text]) => text === 'missed'), 'the missed one');
    assert.ok(begun.find((one) => one.channel === 'chat:news' && one.recovered));
    // Subscribed and unsubscribed by order.
    const added = next(made, 'subscribed', (context) => context.channel === 'chat:late');
    await api('subscribe', { user: 'anna', channel: 'chat:late' });
    await added;
    await api('publish', { channel: 'chat:late', data: 'late' });
    await until(() => got.some(([, text]) => text === 'late'), 'the late one');
    const removed = next(made, 'unsubscribed', (context) => context.channel === 'chat:late');
    await api('unsubscribe', { user: 'anna', channel: 'chat:late' });
    await removed;
  },

  async delta() {
    let bytes = 0;
    const [one] = await connected(user('anna'));
    one._transport._transport?.on?.('message', (message) => (bytes += message.length));
    const [subscription, got] = await subscribed(one, 'delta:doc', { delta: 'fossil' });
    const text = Array.from({ length: 200 }, (_, i) => `word${i}`).join(' ');
    const documents = Array.from({ length: 10 }, (_, i) => ({ text, version: i, ünï: '☃☃☃' }));
    for (const document of documents) {
      await api('publish', { channel: 'delta:doc', data: document });
    }
    await until(() => got.length === 10, 'all have come');
    assert.deepEqual(got.map((one) => one.data), documents);
    if (bytes > 0) {
      assert.ok(bytes < JSON.stringify(documents[0]).length * 3, `${bytes} bytes for ten documents`);
    }
    const again = next(subscription, 'subscribed');
    const gone = next(one, 'connecting');
    await api('disconnect', { user: 'anna', disconnect: { code: 3000, reason: 'elsewhere' } });
    await gone;
    for (const version of [10, 11, 12]) {
      await api('publish', { channel: 'delta:doc', data: { text, version } });
    }
    assert.equal((await again).recovered, true);
    await until(() => got.length === 13, 'the missed ones');
    await api('publish', { channel: 'delta:doc', data: { text, version: 13 } });
    await until(() => got.length === 14, 'one more');
    assert.deepEqual(got.slice(10).map((one) => one.data), [10, 11, 12, 13].map((version) => ({ text, version })));
  },

  async refresh() {
    let tokens = 0;
    const [one] = await connected(async () => {
      tokens++;
      return hmacToken({ sub: 'anna', exp: seconds(2) });
    });
    await until(() => tokens >= 3, 'two refreshes');
    assert.equal(one.state, 'connected');
    let channelTokens = 0;
    const [subscription] = await subscribed(one, 'private:x', {
      getToken: async () => {
        channelTokens++;
        return hmacToken({ sub: 'anna', channel: 'private:x', exp: seconds(2) });
      },
    });
    await until(() => channelTokens >= 3, 'two refreshes of the subscription');
    assert.equal(subscription.state, 'subscribed');
    // One that has expired is asked for anew.
    let asked = 0;
    const [, context] = await connected(async () => (++asked === 1 ? hmacToken({ sub: 'ben', exp: seconds(-100) }) : user('ben')));
    assert.ok(context.client);
    assert.equal(asked, 2);
  },

  async algorithms() {
    const [keys, strangers] = [makeKeys(), makeKeys()];
    const write = (pairs) => {
      // In one step, as a Secret's file changes.
      const file = join(directory, 'keys.pem');
      writeFileSync(`${file}.next`, pairs.map((pair) => pair.publicKey.export({ type: 'spki', format: 'pem' })).join(''));
      renameSync(`${file}.next`, file);
    };
    // 0: it is let in.
    const answer = async (algorithm, pair) => {
      const made = client(signedToken(algorithm, pair, { sub: algorithm, exp: seconds(60) }));
      const outcome = Promise.race([next(made, 'connected').then(() => 0), next(made, 'disconnected').then(({ code }) => code)]);
      made.connect();
      const code = await outcome;
      made.disconnect();
      return code;
    };
    const becomes = async (algorithm, pair, code) => {
      const end = Date.now() + 30_000;
      while ((await answer(algorithm, pair)) !== code) {
        assert.ok(Date.now() < end, `${algorithm} is not answered ${code} within 30 s`);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };

    for (const [algorithm, pair] of Object.entries(keys)) assert.equal(await answer(algorithm, pair), 3500, algorithm);
    // The file changes while it serves: all three kinds of keys are in force together.
    write(Object.values(keys));
    for (const [algorithm, pair] of Object.entries(keys)) await becomes(algorithm, pair, 0);
    for (const [algorithm, pair] of Object.entries(strangers)) assert.equal(await answer(algorithm, pair), 3500, algorithm);
    // And one after the other is taken away.
    for (const gone of ['RS256', 'ES256']) {
      const left = Object.entries(keys).filter(([algorithm]) => algorithm !== gone);
      write(left.map(([, pair]) => pair));
      await becomes(gone, keys[gone], 3500);
      for (const [algorithm, pair] of left) await becomes(algorithm, pair, 0);
    }
  },

  // Clients with different agreements, by themselves and beside clients without: each gets the same bytes.
  async compression() {
    const offers = [
      false,
      true,
      { threshold: 0 },
      { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
      { threshold: 0, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
      { threshold: 0, serverMaxWindowBits: 12 },
    ];
    const clients = [];
    for (const perMessageDeflate of offers) {
      const sockets = [];
      class Offering extends WebSocket {
        constructor(url, protocols) {
          super(url, protocols, { perMessageDeflate });
          sockets.push(this);
          this.texts = [];
          this.on('message', (message) => this.texts.push(message.toString('latin1')));
        }
      }
      const [one] = await connected(user('anna'), { websocket: Offering });
      const [, got] = await subscribed(one, 'chat:compressed');
      assert.equal(sockets[0].extensions, perMessageDeflate ? 'permessage-deflate' : '');
      clients.push({ one, got, socket: sockets[0], offer: JSON.stringify(perMessageDeflate) });
    }

    const texts = Array.from({ length: 30 }, (_, i) => 'wörd ☃ {"a": 1} '.repeat(i * 40) + i);
    const before = clients.map(({ socket }) => socket._socket.bytesRead);
    for (const [i, text] of texts.entries()) {
      await clients[i % clients.length].one.publish('chat:compressed', data({ text }));
    }
    await until(() => clients.every(({ got }) => got.length === texts.length), 'all have come to all');
    const isPush = (text) => text.includes('chat:compressed') && text.includes('w\u00c3\u00b6rd');
    const pushes = clients.map(({ socket }) => socket.texts.flatMap((text) => (isJson ? text.split('\n') : [text])).filter(isPush));
    for (const [i, { got, offer, socket }] of clients.entries()) {
      assert.deepEqual(got.map((one) => one.data.text), texts, offer);
      assert.deepEqual(pushes[i], pushes[0], `${offer}: the same bytes`);
      const bytes = socket._socket.bytesRead - before[i];
      const plain = texts.join('').length;
      assert.ok(offer === 'false' ? bytes > plain : bytes < plain / 5, `${offer}: ${bytes} of ${plain} bytes`);
    }
    // What was missed comes in one long reply, which is compressed too.
    const { one, got } = clients[2];
    const gone = next(one, 'connecting');
    await api('disconnect', { user: 'anna', disconnect: { code: 3000, reason: 'elsewhere' } });
    await gone;
    await api('publish', { channel: 'chat:compressed', data: { text: texts[29] } });
    await until(() => got.length === 31, 'the missed one');
    assert.equal(got[30].data.text, texts[29]);
  },

  // More comes out of it than a client may send: it is closed, and the next one is served.
  async bomb() {
    const protocol = isJson ? 'centrifuge-json' : 'centrifuge-protobuf';
    const bomb = deflateRawSync(Buffer.alloc(64 << 20), { level: 9 });
    for (let i = 0; i < 20; i++) {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/connection/websocket`, protocol, { perMessageDeflate: true });
      await once(socket, 'open');
      const closed = once(socket, 'close');
      const frames = Sender.frame(Buffer.from(bomb.subarray(0, 60_000)), { fin: true, rsv1: true, opcode: isJson ? 1 : 2, mask: true, readOnly: false });
      for (const part of frames) socket._socket.write(part);
      assert.equal((await closed)[0], 1009);
    }
    await connected(user('anna'));
  },

  async jwks() {
    let keys = makeKeys();
    let asked = 0;
    const server = createServer((_, response) => {
      asked++;
      response.end(JSON.stringify({ keys: Object.entries(keys).map(([kid, pair]) => ({ kid, use: 'sig', ...pair.publicKey.export({ format: 'jwk' }) })) }));
    });
    server.listen(Number(readFileSync(join(directory, 'jwks.port'))), '127.0.0.1');
    await once(server, 'listening');
    for (const [algorithm, pair] of Object.entries(keys)) {
      const [, context] = await connected(signedToken(algorithm, pair, { sub: algorithm, exp: seconds(60) }, algorithm));
      assert.ok(context.client, algorithm);
    }
    assert.equal(asked, 1);
    server.close();
    server.closeAllConnections();
  },

  async api() {
    assert.equal((await api('info', {}, 'not-one-of-the-keys')).status, 401);
    assert.equal((await api('nothing', {})).status, 404);
    const [one, { client: id }] = await connected(user('anna'));
    await subscribed(one, 'chat:room');
    const info = (await api('info', {})).result.nodes;
    assert.equal(info.length, 1);
    assert.equal(info[0].num_clients, 1);
    assert.deepEqual((await api('channels', { pattern: 'chat:r*' })).result.channels, { 'chat:room': { num_clients: 1 } });
    const all = (await api('broadcast', { channels: ['chat:room', 'nowhere:x'], data: { n: 1 } })).result.responses;
    assert.equal(all[0].result.offset, 1);
    assert.equal(all[1].error.code, 102);
    const key = { channel: 'chat:room', data: 1, idempotency_key: 'k' };
    assert.deepEqual((await api('publish', key)).result, (await api('publish', key)).result);
    assert.equal((await api('history', { channel: 'chat:room', limit: -1 })).result.publications.length, 2);
    await api('history_remove', { channel: 'chat:room' });
    assert.equal((await api('history', { channel: 'chat:room', limit: -1 })).result.publications.length, 0);
    assert.equal((await api('publish', { channel: 'chat:room' })).status, 400);
    assert.equal((await api('disconnect', { client: id, disconnect: { code: 3001, reason: '{"retryAfterMs":1}' } })).status, 400);
    await api('disconnect', { client: id, user: 'anna' });
    assert.equal((await next(one, 'disconnected')).code, 3503);
  },

  // The npm package cent.js, untouched: the HTTP API as its other users call it.
  async cent() {
    const url = `http://127.0.0.1:${port}/api`;
    const cent = new CentClient({ url, apiKey: 'an-api-key-of-the-tests' });
    const [one, { client: id }] = await connected(user('anna'));
    const [, got] = await subscribed(one, 'chat:room');
    const [, present] = await subscribed(one, 'presence:room');

    const published = await cent.publish({ channel: 'chat:room', data: { n: 1 }, tags: { a: 'b' } });
    assert.equal(published.offset, 1);
    const { responses } = await cent.broadcast({ channels: ['presence:room', 'chat:room', 'nowhere:x'], data: { n: 2 } });
    assert.deepEqual([responses[1].result.offset, responses[2].error.code], [2, 102]);
    await until(() => got.length === 2 && present.length === 1, 'all have come');
    assert.deepEqual(got.map((one) => [one.data.n, one.tags?.a]), [[1, 'b'], [2, undefined]]);
    const { publications, offset, epoch } = await cent.getHistory({ channel: 'chat:room', limit: 10 });
    assert.deepEqual([publications.map((one) => one.data.n), offset, epoch], [[1, 2], 2, published.epoch]);
    const later = await cent.getHistory({ channel: 'chat:room', limit: 10, since: { offset: 1, epoch } });
    assert.deepEqual(later.publications.map((one) => one.offset), [2]);
    await cent.removeHistory({ channel: 'chat:room' });
    assert.deepEqual(await cent.getHistory({ channel: 'chat:room', limit: 10 }), { publications: [], offset: 2, epoch });

    const { presence } = await cent.getPresence({ channel: 'presence:room' });
    assert.deepEqual([Object.keys(presence), presence[id].user], [[id], 'anna']);
    assert.deepEqual(await cent.getPresenceStats({ channel: 'presence:room' }), { num_clients: 1, num_users: 1 });
    const { channels } = await cent.getChannels({ pattern: 'presence:*' });
    assert.deepEqual(channels, { 'presence:room': { num_clients: 1 } });
    const { nodes } = await cent.getInfo();
    // Her personal channel is the third.
    assert.deepEqual([nodes.length, nodes[0].num_clients, nodes[0].num_channels], [1, 1, 3]);

    const entered = next(one, 'subscribed');
    await cent.subscribe({ user: 'anna', channel: 'private:hall', data: { seat: 7 } });
    assert.deepEqual([(await entered).channel, value((await entered).data)], ['private:hall', { seat: 7 }]);
    const left = next(one, 'unsubscribed');
    await cent.unsubscribe({ user: 'anna', channel: 'private:hall' });
    assert.equal((await left).channel, 'private:hall');
    await cent.refresh({ user: 'anna', expire_at: seconds(600) });
    await assert.rejects(cent.publish({ channel: 'nowhere:x', data: 1 }));
    await assert.rejects(cent.publish({ data: 1 }));
    await assert.rejects(new CentClient({ url, apiKey: 'not-one-of-the-keys' }).getInfo());

    const gone = next(one, 'disconnected');
    await cent.disconnect({ user: 'anna', disconnect: { code: 4501, reason: 'enough' } });
    assert.deepEqual(await gone, { code: 4501, reason: 'enough' });
  },

  async drain() {
    const [one] = await connected(user('anna'));
    await subscribed(one, 'chat:room');
    const gone = next(one, 'connecting');
    console.log('READY');
    const context = await gone;
    assert.equal(context.code, 3001);
    assert.equal(context.reason, 'shutdown');
  },
};

await scenarios[scenario]();
for (const one of open) {
  one.disconnect();
}
console.log('OK');
process.exit(0);
