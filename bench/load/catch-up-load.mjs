/**
 * One reader of all records of a partition: over a WebSocket subscription, or as an NDJSON stream.
 * It counts until the last record.
 *
 *     taskset -c 1 node bench/load/catch-up-load.mjs '{"port": 8080, "mode": "ndjson", "end": 9}'
 */
import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';

const { port, mode, end } = JSON.parse(argv[2] ?? '{}');
const NEWLINE = 0x0a;

const startedMs = performance.now();
const receivedBytes = mode === 'websocket' ? await overWebSocket() : await asNdjson();
const seconds = (performance.now() - startedMs) / 1000;
const result = {
  recordsPerSecond: Math.round(end / seconds),
  bytesPerSecond: Math.round(receivedBytes / seconds),
};
stdout.write(`${JSON.stringify(result)}\n`);
exit(0);

/** Resolves with the number of received bytes when the record before `end` has arrived. */
async function overWebSocket() {
  const last = Buffer.from(`"offset":${end - 1},`);
  let bytes = 0;
  /** @type {(bytes: number) => void} */
  let done = () => undefined;
  const whole = new Promise((resolve) => {
    done = resolve;
  });
  const socket = await openWebSocket({
    port,
    protocol: 'sluice.v1',
    onFrame: (chunk, from, to) => {
      bytes += to - from;
      // The last record of a frame: its offset is near the frame's end.
      const tail = chunk.subarray(Math.max(from, to - 512), to);
      if (tail.indexOf(last) >= 0) done(bytes);
    },
  });
  const subscribe = { subscription: 's', topic: 'bench', from: 'earliest' };
  socket.write(clientFrame(JSON.stringify({ event: 'subscribe', data: subscribe })));
  return whole;
}

/** Resolves with the number of received bytes when the stream has ended with as many records. */
function asNdjson() {
  return new Promise((resolve, reject) => {
    const options = {
      host: '127.0.0.1',
      port,
      path: '/v1/topics/bench/partitions/0/records?offset=0',
      headers: { accept: 'application/x-ndjson' },
    };
    get(options, (response) => {
      let lines = 0;
      let bytes = 0;
      response.on('data', (chunk) => {
        bytes += chunk.length;
        for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) {
          lines += 1;
        }
      });
      // The line after the records contains the end position.
      response.on('end', () => {
        if (lines === end + 1) resolve(bytes);
        else reject(new Error(`${lines} lines for ${end} records`));
      });
    }).on('error', reject);
  });
}
