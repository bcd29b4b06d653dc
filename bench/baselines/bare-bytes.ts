/**
 * Baseline of fetch: bare node:http that answers the same bytes from memory, fetched once from the
 * given URL. Usage: bare-bytes PORT URL
 */
import { createServer } from 'node:http';

const response = await fetch(process.argv[3] ?? '');
const bytes = Buffer.from(await response.arrayBuffer());

const server = createServer((_request, answer) => {
  answer.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': bytes.length });
  answer.end(bytes);
});

server.listen(Number(process.argv[2]), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
