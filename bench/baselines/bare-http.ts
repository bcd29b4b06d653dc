/**
 * Baseline of produce: bare node:http that collects and parses the same body and answers the same
 * shape, without a log. Usage: bare-http PORT
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

let nextOffset = 0;

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => answer(request, response, chunks));
});

function answer(request: IncomingMessage, response: ServerResponse, chunks: Buffer[]): void {
  const body = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks);
  let count = 0;
  if (request.method === 'POST') {
    const parsed = JSON.parse(body.toString()) as { records?: unknown[] };
    count = parsed.records?.length ?? 1;
  }
  const timestamp = Date.now();
  const offsets = [];
  for (let index = 0; index < count; index += 1) {
    offsets.push({ partition: 0, offset: nextOffset, timestamp });
    nextOffset += 1;
  }
  const text = JSON.stringify({ offsets });
  response.writeHead(200, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(text),
  });
  response.end(text);
}

server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
