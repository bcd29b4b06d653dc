/**
 * Baseline of fan-out: a bare `ws` server that writes one prepared frame to the raw socket of every
 * client repeatedly or, in the mode `post`, once per POST, with its body's first value. Usage:
 * bare-fan-out PORT RECORDS_PER_FRAME loop|post CLIENTS
 */
import { createServer } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';

const [, , port, recordsPerFrame, mode, clients] = process.argv;
const BUFFERED_BYTES_MAX = 256 * 1024;

/** The frame that the gateway sends for such records. */
function frameOf(value: string): Buffer {
  const record = (offset: number) => ({
    topic: 'bench',
    partition: 0,
    offset,
    timestamp: 1_750_000_000_000,
    key: null,
    value,
    headers: [],
  });
  const payload = JSON.stringify({
    event: 'records',
    data: {
      subscription: 's',
      topic: 'bench',
      partition: 0,
      records: Array.from({ length: Number(recordsPerFrame) }, (_, index) =>
        record(10_000 + index),
      ),
      highWatermark: 10_001,
      leaderEpoch: 1,
    },
  });
  return textFrame(Buffer.from(payload));
}

/** A complete, unmasked text frame. */
function textFrame(payload: Buffer): Buffer {
  const isShort = payload.length < 126;
  const head = Buffer.alloc(isShort ? 2 : payload.length < 65_536 ? 4 : 10);
  head[0] = 0x81;
  head[1] = isShort ? payload.length : head.length === 4 ? 126 : 127;
  if (head.length === 4) head.writeUInt16BE(payload.length, 2);
  if (head.length === 10) head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

const sockets: Socket[] = [];

function broadcast(frame: Buffer): void {
  for (const socket of sockets) {
    if (socket.writableLength < BUFFERED_BYTES_MAX) socket.write(frame);
  }
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    if (request.method === 'POST') {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { records: { value: string }[] };
      broadcast(frameOf(body.records[0]?.value ?? ''));
    }
    response.writeHead(200, { 'Content-Length': 0 });
    response.end();
  });
});

const sockServer = new WebSocketServer({ server, handleProtocols: () => 'sluice.v1' });
sockServer.on('connection', (_client, request) => {
  sockets.push(request.socket);
  if (mode === 'loop' && sockets.length === Number(clients)) loop();
});

function loop(): void {
  const frame = frameOf('x'.repeat(98));
  const next = (): void => {
    broadcast(frame);
    setImmediate(next);
  };
  next();
}

server.listen(Number(port), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
