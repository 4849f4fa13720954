// Applications behind two gateways, as their users have them: one client by each, and what they say to each other.
// Usage: node applications.mjs GATEWAY_PORT OTHER_GATEWAY_PORT BACKEND_PORT SCENARIO
// Prints OK and exits 0, or tells what was wrong and exits 1. A backend port of 0: the backend runs elsewhere.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws';

const [one, other, backendPort, scenario] = process.argv.slice(2);
const url = (port, path = '/', scheme = 'ws') => `${scheme}://127.0.0.1:${port}${path}`;

async function listen(server) {
  server.listen(Number(backendPort), '127.0.0.1');
  await once(server, 'listening');
  return server;
}

const scenarios = {
  async 'socket.io'() {
    const { Server } = await import('socket.io');
    const { io } = await import('socket.io-client');
    const backend = createServer();
    const server = new Server(backend, { transports: ['websocket'], perMessageDeflate: { threshold: 0 }, pingInterval: 500, pingTimeout: 20_000 });
    server.on('connection', (socket) => {
      socket.on('join', (room, done) => (socket.join(room), done('joined ' + room)));
      socket.on('say', (room, ...what) => server.to(room).emit('said', ...what));
    });
    await listen(backend);
    const connect = async (port) => {
      const client = io(url(port, '/', 'http'), { transports: ['websocket'], forceNew: true, auth: { token: 't' } });
      await once(client, 'connect');
      return client;
    };
    const [ann, bob] = await Promise.all([connect(one), connect(other)]);
    assert.equal(await ann.emitWithAck('join', 'deck'), 'joined deck');
    assert.equal(await bob.emitWithAck('join', 'deck'), 'joined deck');
    const said = once(bob, 'said');
    ann.emit('say', 'deck', { text: 'ahoy \u{1f6a2}' }, Buffer.from([0, 1, 255]), 'x'.repeat(100_000));
    const [object, bytes, long] = await said;
    assert.deepEqual([object, [...bytes], long.length], [{ text: 'ahoy \u{1f6a2}' }, [0, 1, 255], 100_000]);
    // The server's pings keep it, and a cut connection comes back by itself.
    await once(ann.io.engine, 'ping');
    const again = once(ann, 'connect');
    ann.io.engine.transport.ws.terminate?.() ?? ann.io.engine.close();
    await again;
    assert.equal(await ann.emitWithAck('join', 'deck'), 'joined deck');
  },

  async mqtt() {
    const { Aedes } = await import('aedes');
    const { connectAsync } = await import('mqtt');
    const broker = await Aedes.createBroker();
    const backend = createServer();
    new WebSocketServer({ server: backend, handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false) }).on(
      'connection',
      (socket, request) => broker.handle(createWebSocketStream(socket), request),
    );
    await listen(backend);
    const connect = (port, clientId) => connectAsync(url(port, '/mqtt'), { clientId, keepalive: 1, reconnectPeriod: 0, protocolVersion: 4 });
    const [ann, bob] = await Promise.all([connect(one, 'ann'), connect(other, 'bob')]);
    await bob.subscribeAsync('ships/+', { qos: 1 });
    const got = [];
    const all = new Promise((done) => bob.on('message', (topic, payload) => got.push([topic, payload.length]) === 50 && done()));
    for (let i = 0; i < 50; i++) await ann.publishAsync(`ships/${i}`, Buffer.alloc(i * 100, i), { qos: i % 2 });
    await all;
    assert.deepEqual(got, Array.from({ length: 50 }, (_, i) => [`ships/${i}`, i * 100]));
    await once(ann, 'packetreceive'); // An answer to a ping, by the keepalive of a second.
    await Promise.all([ann.endAsync(), bob.endAsync()]);
    await broker.close();
  },

  async phoenix() {
    // What a Phoenix server says, version 2 of its serializer: [join_ref, ref, topic, event, payload].
    const { Socket } = await import('phoenix');
    const backend = createServer();
    const topics = new Map();
    new WebSocketServer({ server: backend }).on('connection', (socket, request) => {
      assert.match(request.url, /^\/socket\/websocket\?.*vsn=2\.0\.0/);
      socket.on('message', (data) => {
        const [joinRef, ref, topic, event, payload] = JSON.parse(data);
        const reply = (response) => socket.send(JSON.stringify([joinRef, ref, topic, 'phx_reply', { status: 'ok', response }]));
        if (event === 'phx_join') topics.set(topic, (topics.get(topic) ?? new Set()).add(socket));
        else if (event === 'shout') for (const one of topics.get(topic)) one.send(JSON.stringify([null, null, topic, 'shout', payload]));
        reply(event === 'heartbeat' ? {} : { was: event });
      });
    });
    await listen(backend);
    const push = (message) => new Promise((done, fail) => message.receive('ok', done).receive('error', fail).receive('timeout', fail));
    const join = async (port) => {
      const socket = new Socket(url(port, '/socket'), { transport: WebSocket, heartbeatIntervalMs: 300, params: { token: 't' } });
      socket.connect();
      const channel = socket.channel('deck:lobby', {});
      assert.deepEqual(await push(channel.join()), { was: 'phx_join' });
      return [socket, channel];
    };
    const [[first, ann], [second, bob]] = await Promise.all([join(one), join(other)]);
    const heard = new Promise((done) => bob.on('shout', done));
    assert.deepEqual(await push(ann.push('shout', { text: 'ahoy' })), { was: 'shout' });
    assert.deepEqual(await heard, { text: 'ahoy' });
    const beaten = await new Promise((done) => first.onMessage((message) => message.topic === 'phoenix' && done(message)));
    assert.equal(beaten.event, 'phx_reply');
    first.disconnect();
    second.disconnect();
  },

  async graphql() {
    const { buildSchema } = await import('graphql');
    const { useServer } = await import('graphql-ws/use/ws');
    const { createClient } = await import('graphql-ws');
    const listeners = new Set();
    const rootValue = {
      hello: () => 'ahoy',
      say: ({ text }) => (listeners.forEach((tell) => tell(text)), text),
      async *said() {
        for (let i = 0; i < 3; i++) yield { said: await new Promise((tell) => (listeners.clear(), listeners.add(tell))) };
      },
    };
    const backend = createServer();
    const schema = buildSchema('type Query { hello: String } type Mutation { say(text: String): String } type Subscription { said: String }');
    useServer({ schema, roots: { query: rootValue, mutation: rootValue, subscription: rootValue } }, new WebSocketServer({ server: backend, path: '/graphql' }));
    await listen(backend);
    const connect = (port) => createClient({ url: url(port, '/graphql'), webSocketImpl: WebSocket, retryAttempts: 0, lazy: false });
    const [ann, bob] = [connect(one), connect(other)];
    const query = async (client, text) => {
      for await (const result of client.iterate({ query: text })) return result.data;
    };
    assert.deepEqual({ ...(await query(ann, '{ hello }')) }, { hello: 'ahoy' });
    const heard = [];
    const subscription = (async () => {
      for await (const result of bob.iterate({ query: 'subscription { said }' })) heard.push(result.data.said);
    })();
    for (const text of ['one', 'two', 'three']) {
      while (listeners.size === 0) await new Promise((done) => setTimeout(done, 10));
      assert.deepEqual({ ...(await query(ann, `mutation { say(text: "${text}") }`)) }, { say: text });
      while (heard.at(-1) !== text) await new Promise((done) => setTimeout(done, 10));
    }
    await subscription;
    assert.deepEqual(heard, ['one', 'two', 'three']);
    await Promise.all([ann.dispose(), bob.dispose()]);
  },

  async signalr() {
    const { HubConnectionBuilder, HttpTransportType, LogLevel } = await import('@microsoft/signalr');
    globalThis.WebSocket = WebSocket;
    const connect = async (port) => {
      const connection = new HubConnectionBuilder()
        .withUrl(url(port, '/hub', 'http'), { skipNegotiation: true, transport: HttpTransportType.WebSockets })
        .configureLogging(LogLevel.Error)
        .build();
      await connection.start();
      return connection;
    };
    const [ann, bob] = await Promise.all([connect(one), connect(other)]);
    const heard = new Promise((done) => bob.on('said', (...what) => done(what)));
    assert.equal(await ann.invoke('Add', 40, 2), 42);
    await ann.send('Say', 'ahoy', 'x'.repeat(20_000));
    assert.deepEqual((await heard).map((text) => text.length), [4, 20_000]);
    const counted = [];
    await new Promise((complete, error) => ann.stream('Count', 100).subscribe({ next: (i) => counted.push(i), complete, error }));
    assert.deepEqual(counted, Array.from({ length: 100 }, (_, i) => i));
    await Promise.all([ann.stop(), bob.stop()]);
  },

  // Debian's libwebsockets-test-server is the backend.
  async libwebsockets() {
    const open = async (port, protocol) => {
      for (;;) {
        const client = new WebSocket(url(port), protocol);
        const failed = await Promise.race([once(client, 'open').then(() => null), once(client, 'error')]).catch((error) => error);
        if (!failed) return client;
        await new Promise((done) => setTimeout(done, 100));
      }
    };
    const counter = await open(one, 'dumb-increment-protocol');
    assert.equal(counter.protocol, 'dumb-increment-protocol');
    const numbers = [];
    while (numbers.length < 20) numbers.push(Number((await once(counter, 'message'))[0]));
    assert.ok(numbers.every((number, i) => i === 0 || number > numbers[i - 1]), numbers.join());
    counter.send('reset\n');
    while (Number((await once(counter, 'message'))[0]) >= numbers.at(-1));
    counter.close(1000);
    assert.equal((await once(counter, 'close'))[0], 1000);
  },

  // A ws client's strictness towards the gateway's own TLS; the second argument is the file of its authority.
  async wss() {
    const backend = createServer();
    new WebSocketServer({ server: backend, perMessageDeflate: { threshold: 0 } }).on('connection', (socket, request) => {
      socket.send(request.headers['x-forwarded-proto']);
      socket.on('message', (data, binary) => socket.send(data, { binary }));
    });
    await listen(backend);
    for (const perMessageDeflate of [false, true]) {
      const client = new WebSocket(url(one, '/', 'wss'), { ca: readFileSync(other), servername: 'localhost', perMessageDeflate });
      const [proto] = await once(client, 'message');
      assert.equal(String(proto), 'https');
      for (const size of [0, 1, 126, 65_536, 5 << 20]) {
        const sent = Buffer.alloc(size, 'mooring ');
        client.send(sent);
        const [received] = await once(client, 'message');
        assert.ok(received.equals(sent), `message of ${size} bytes`);
      }
      client.close(1000, 'done');
      assert.deepEqual((await once(client, 'close')).map(String), ['1000', 'done']);
    }
  },
};

await scenarios[scenario]();
console.log('OK');
process.exit(0);
