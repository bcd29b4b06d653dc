/**
 * One WebSocket that publishes with many messages in flight; counts the answers.
 *
 *     taskset -c 1 node bench/load/publish-load.mjs '{"port": 8080, "recordsPerFrame": 1, ...}'
 */
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { LatencyHistogram } from './latency-histogram.mjs';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';

const {
  port,
  recordsPerFrame,
  inFlight = 512,
  warmupMs = 1000,
  durationMs = 5000,
} = JSON.parse(argv[2] ?? '{}');

const value = 'x'.repeat(98);
const records = Array.from({ length: recordsPerFrame }, () => ({ value }));
const frame = clientFrame(
  JSON.stringify({ event: 'publish', id: '1', data: { topic: 'bench', records } }),
);
const published = Buffer.from('"event":"published"');

let answers = 0;
let isCounting = false;
const latencies = new LatencyHistogram();
/** Times of the messages in flight: answers come in their order. */
const sentAt = new Float64Array(inFlight);
let sentCount = 0;
let answeredCount = 0;
let due = 0;

const socket = await openWebSocket({
  port,
  protocol: 'sluice.v1',
  onFrame: (bytes, start, end) => {
    if (bytes.subarray(start, end).indexOf(published) < 0) {
      throw new Error(`not published: ${bytes.toString('utf8', start, end)}`);
    }
    const sentMs = sentAt[answeredCount % inFlight] ?? 0;
    answeredCount += 1;
    if (isCounting) {
      answers += 1;
      latencies.add((performance.now() - sentMs) * 1000);
    }
    due += 1;
    if (due === 1) setImmediate(send);
  },
});

function send() {
  const nowMs = performance.now();
  socket.cork();
  for (; due > 0; due -= 1) {
    sentAt[sentCount % inFlight] = nowMs;
    sentCount += 1;
    socket.write(frame);
  }
  socket.uncork();
}

due = inFlight;
send();
await after(warmupMs);
isCounting = true;
const startedMs = performance.now();
await after(durationMs);
const seconds = (performance.now() - startedMs) / 1000;
isCounting = false;
const result = {
  messagesPerSecond: Math.round(answers / seconds),
  latencyMs: latencies.summary(),
};
stdout.write(`${JSON.stringify(result)}\n`);
exit(0);

/** @param {number} delayMs */
function after(delayMs) {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
