/**
 * Baseline of publish: a bare `ws` server that parses the same messages and answers the same shape,
 * without a log. Usage: bare-publish PORT
 */
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';

let nextOffset = 0;

const server = createServer((_request, response) => {
  response.end();
});
const sockServer = new WebSocketServer({ server, handleProtocols: () => 'sluice.v1' });
sockServer.on('connection', (client) => {
  client.on('message', (message: Buffer) => {
    const parsed = JSON.parse(message.toString()) as { id: string; data: { records: unknown[] } };
    const timestamp = Date.now();
    const baseOffset = nextOffset;
    nextOffset += parsed.data.records.length;
    const offsets = parsed.data.records.map((_record, index) => ({
      partition: 0,
      offset: baseOffset + index,
      timestamp,
    }));
    client.send(JSON.stringify({ event: 'published', id: parsed.id, data: { offsets } }));
  });
});

server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
