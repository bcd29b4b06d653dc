/**
 * Subscribers, and producers that feed them: counts frames and measures their latency.
 *
 *     taskset -c 1 node bench/load/fan-out-load.mjs '{"port": 8080, "subscribers": 1000, ...}'
 *
 * Takes one JSON argument, see `FanOutOptions`; prints one JSON line with the result.
 */
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { LatencyHistogram } from './latency-histogram.mjs';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';
import { ResponseReader } from './response-reader.mjs';
import { ServerCpu } from './server-cpu.mjs';

/**
 * @typedef {object} FanOutOptions
 * @property {number} port
 * @property {boolean} isBare the server is the baseline: it sends to all connected clients
 * @property {number} subscribers
 * @property {number} [producers] connections that POST, each its next request after the last
 *   answer; none: the server sends by itself
 * @property {number} [perSecond] POSTs per second of all producers together; default: as many as
 *   possible
 * @property {number} recordsPerFrame
 * @property {string} [authorization] header of all requests
 * @property {string} [producerToken] token of the producers if the server issues none
 * @property {number} [warmupMs]
 * @property {number} [durationMs]
 * @property {number} [serverPid] process whose CPU time is measured
 */

const RECORD_BYTES = 100;
const TIME_DIGITS = 16;
const TIME_MARK = Buffer.from('"value":"');
const OPENED_AT_ONCE = 64;

const options = /** @type {FanOutOptions} */ (JSON.parse(argv[2] ?? '{}'));
const { port, subscribers, recordsPerFrame, authorization } = options;
const { warmupMs = 1000, durationMs = 5000 } = options;
/** Lines of the head of each request. */
const authorizationLine = authorization === undefined ? '' : `Authorization: ${authorization}\r\n`;

let frames = 0;
let bytesIn = 0;
/**
 * Bytes of a frame without its records, and of one record in it: records are counted by their
 * bytes.
 */
let envelopeBytes = 0;
let recordBytes = 0;
let isCounting = false;
const latencies = new LatencyHistogram();
/**
 * Position and value of the byte that distinguishes a frame of records from answers: `{"event":"r`.
 */
const MARK_AT = 10;
const MARK = 'r'.charCodeAt(0);

/** @param {Buffer} bytes @param {number} start @param {number} end */
function received(bytes, start, end) {
  if (!isCounting) return;
  if (start + MARK_AT < bytes.length && bytes[start + MARK_AT] !== MARK) return;
  frames += 1;
  bytesIn += end - start;
  if (envelopeBytes === 0 && end <= bytes.length) measureFrame(bytes.toString('utf8', start, end));
  if (options.perSecond === undefined) return;
  const at = bytes.subarray(start, end).indexOf(TIME_MARK) + start + TIME_MARK.length;
  const sentMicros = Number(bytes.toString('latin1', at, at + TIME_DIGITS));
  latencies.add(performance.now() * 1000 - sentMicros);
}

/** @param {string} text a frame */
function measureFrame(text) {
  const { data } = /** @type {{data: {records: object[]}}} */ (JSON.parse(text));
  recordBytes = JSON.stringify(data.records[0]).length + 1;
  envelopeBytes = text.length - data.records.length * recordBytes;
}

await openSubscribers();
const producers = await Promise.all(
  Array.from({ length: options.producers ?? 0 }, () => openProducer()),
);
const timer = options.perSecond === undefined ? undefined : pace(options.perSecond);
if (timer === undefined) for (const send of producers) send();
await after(warmupMs);
const serverCpu = new ServerCpu(options.serverPid);
serverCpu.begin();
isCounting = true;
const startedMs = performance.now();
await after(durationMs);
const seconds = (performance.now() - startedMs) / 1000;
isCounting = false;
serverCpu.end();
const result = {
  framesPerSecond: Math.round(frames / seconds),
  recordsPerSecond: Math.round((bytesIn - frames * envelopeBytes) / recordBytes / seconds),
  serverCpuMs: serverCpu.usedMs,
  latencyMs: latencies.summary(),
};
stdout.write(`${JSON.stringify(result)}\n`);
exit(0);

async function openSubscribers() {
  const subscribe = clientFrame(
    JSON.stringify({ event: 'subscribe', data: { subscription: 's', topic: 'bench' } }),
  );
  const openOne = async () => {
    /** @type {() => void} */
    let answered = () => undefined;
    const isSubscribed = new Promise((resolve) => {
      answered = () => resolve(undefined);
    });
    const socket = await openWebSocket({
      port,
      protocol: 'sluice.v1',
      ...(authorization === undefined ? {} : { authorization }),
      isCounted: options.perSecond === undefined,
      onFrame: (bytes, start, end) => {
        answered();
        received(bytes, start, end);
      },
    });
    if (options.isBare) return;
    socket.write(subscribe);
    await isSubscribed;
  };
  for (let opened = 0; opened < subscribers; opened += OPENED_AT_ONCE) {
    const count = Math.min(OPENED_AT_ONCE, subscribers - opened);
    await Promise.all(Array.from({ length: count }, openOne));
  }
}

/**
 * Opens a connection that POSTs `recordsPerFrame` records, which stay together: its own producer id
 * makes them one batch and so one frame.
 */
async function openProducer() {
  const idempotence = options.isBare ? '' : await newProducer();
  let sequence = 0;
  const socket = connect({ host: '127.0.0.1', port });
  socket.setNoDelay(true);
  const reader = new ResponseReader((status) => {
    if (status >= 300) throw new Error(`a produce was answered with ${status}`);
    if (options.perSecond === undefined) send();
  });
  socket.on('data', (chunk) => reader.read(chunk));
  const rest = 'x'.repeat(RECORD_BYTES - 2 - TIME_DIGITS);
  const send = () => {
    const micros = String(Math.round(performance.now() * 1000)).padStart(TIME_DIGITS, '0');
    const record = `{"value":"${micros}${rest}"}`;
    const body = `{"records":[${Array.from({ length: recordsPerFrame }, () => record).join(',')}]}`;
    const order = idempotence === '' ? '' : `${idempotence}Producer-Sequence: ${sequence}\r\n`;
    sequence += recordsPerFrame;
    socket.write(
      `POST /v1/topics/bench/records?partition=0 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
        `Content-Type: application/json\r\n${authorizationLine}${order}` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
  };
  return send;
}

/** Returns the lines of the head that name a new producer. */
async function newProducer() {
  const response = await fetch(`http://127.0.0.1:${port}/v1/producers`, {
    method: 'POST',
    headers: authorization === undefined ? {} : { Authorization: authorization },
  });
  const { producerId, producerToken = options.producerToken } =
    /** @type {{producerId: number, producerToken?: string}} */ (await response.json());
  const token = producerToken === undefined ? '' : `Producer-Token: ${producerToken}\r\n`;
  return `Producer-Id: ${producerId}\r\nProducer-Epoch: 0\r\n${token}`;
}

/** @param {number} perSecond */
function pace(perSecond) {
  const startMs = performance.now();
  let sent = 0;
  const tick = () => {
    const due = ((performance.now() - startMs) / 1000) * perSecond;
    for (; sent < due; sent += 1) producers[sent % producers.length]?.();
  };
  return setInterval(tick, 1);
}

/** @param {number} delayMs */
function after(delayMs) {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
