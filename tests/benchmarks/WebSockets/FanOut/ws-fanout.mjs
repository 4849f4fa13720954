// npm ws: every message goes to everybody else. Usage: node ws-fanout.mjs PORT PATH-OF-WS
const { WebSocketServer } = (await import(process.argv[3])).default;

const server = new WebSocketServer({ port: Number(process.argv[2]), host: '127.0.0.1', backlog: 4096, perMessageDeflate: false });
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => {
    for (const client of server.clients) {
      if (client !== socket && client.readyState === 1) client.send(data, { binary: isBinary });
    }
  });
});
