/**
 * The load of publish-load and fan-out-load for NATS JetStream over its WebSocket.
 *
 *     taskset -c 1 node bench/load/nats-load.mjs '{"port": 9222, "mode": "publish", ...}'
 *
 * `publish`: one connection with a number of outstanding acknowledgements. `fan-out`: a push
 * consumer without acknowledgements per subscriber, and publishers that wait for each
 * acknowledgement.
 */
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { clientFrame, openWebSocket } from './raw-websocket.mjs';

const {
  port,
  mode,
  recordsPerFrame = 1,
  inFlight = 512,
  subscribers = 0,
  producers = 4,
  warmupMs = 1000,
  durationMs = 5000,
} = JSON.parse(argv[2] ?? '{}');

const SUBJECT = 'bench';
const CONNECT = 'CONNECT {"verbose":false,"pedantic":false,"headers":false}\r\nPING\r\n';
const OPENED_AT_ONCE = 64;
/** Text at the beginning of each record, which occurs nowhere else in the server's output. */
const MARK = '~~';
const markBytes = Buffer.from(MARK);
const pong = Buffer.from('PONG\r\n');
const message = Buffer.from('MSG _INBOX.');
const publishText = `PUB ${SUBJECT} _INBOX.acks 100\r\n${MARK}${'x'.repeat(98)}\r\n`;

let counted = 0;
let isCounting = false;

await createStream();
if (mode === 'publish') await startPublishing();
else await startFanOut();
await after(warmupMs);
isCounting = true;
const startedMs = performance.now();
await after(durationMs);
const seconds = (performance.now() - startedMs) / 1000;
const perSecond = Math.round(counted / (mode === 'publish' ? recordsPerFrame : 1) / seconds);
stdout.write(`${JSON.stringify({ perSecond })}\n`);
exit(0);

async function createStream() {
  const config = { name: 'bench', subjects: [SUBJECT], storage: 'file', retention: 'limits' };
  const answer = await request('$JS.API.STREAM.CREATE.bench', config);
  if (answer.includes('"error"')) throw new Error(answer);
}

/** One connection with `inFlight` unacknowledged records. */
async function startPublishing() {
  let due = inFlight * recordsPerFrame;
  const frame = clientFrame(publishText.repeat(recordsPerFrame), true);
  const send = () => {
    for (; due >= recordsPerFrame; due -= recordsPerFrame) socket.write(frame);
  };
  const socket = await openConnection((bytes, start, end) => {
    const acks = occurrences(bytes, start, end, message);
    if (isCounting) counted += acks;
    due += acks;
    send();
  });
  socket.write(clientFrame('SUB _INBOX.acks 1\r\n', true));
  send();
}

async function startFanOut() {
  const openOne = async (/** @type {number} */ index) => {
    const socket = await openConnection((bytes, start, end) => {
      if (isCounting) counted += occurrences(bytes, start, end, markBytes);
    });
    socket.write(clientFrame(`SUB _INBOX.deliver.${index} 1\r\n`, true));
    const consumer = {
      stream_name: 'bench',
      config: {
        deliver_subject: `_INBOX.deliver.${index}`,
        deliver_policy: 'new',
        ack_policy: 'none',
      },
    };
    const answer = await request('$JS.API.CONSUMER.CREATE.bench', consumer);
    if (answer.includes('"error"')) throw new Error(answer);
  };
  for (let opened = 0; opened < subscribers; opened += OPENED_AT_ONCE) {
    const count = Math.min(OPENED_AT_ONCE, subscribers - opened);
    await Promise.all(Array.from({ length: count }, (_, index) => openOne(opened + index)));
  }
  for (let producer = 0; producer < producers; producer += 1) await startProducer();
}

/** A connection that publishes its next record when the last one is acknowledged. */
async function startProducer() {
  // The inbox has its own name, because all connections of an account see the same subjects.
  const inbox = `_INBOX.p${Math.random().toString(36).slice(2)}`;
  const frame = clientFrame(publishText.replace('_INBOX.acks', inbox), true);
  const socket = await openConnection((bytes, start, end) => {
    if (occurrences(bytes, start, end, message) > 0) socket.write(frame);
  });
  socket.write(clientFrame(`SUB ${inbox} 1\r\n`, true));
  socket.write(frame);
}

/**
 * Sends a request and resolves with its answer.
 * @param {string} subject
 * @param {object} body
 * @returns {Promise<string>}
 */
async function request(subject, body) {
  /** @type {(answer: string) => void} */
  let answered = () => undefined;
  const answer = new Promise((resolve) => {
    answered = resolve;
  });
  const socket = await openConnection((bytes, start, end) => {
    const text = bytes.toString('utf8', start, end);
    if (text.includes('MSG _INBOX.r')) answered(text);
  });
  const json = JSON.stringify(body);
  const inbox = `_INBOX.r${Math.random().toString(36).slice(2)}`;
  const text = `SUB ${inbox} 1\r\nPUB ${subject} ${inbox} ${json.length}\r\n${json}\r\n`;
  socket.write(clientFrame(text, true));
  const result = await answer;
  socket.destroy();
  return result;
}

/**
 * Opens a connection and sends CONNECT.
 * @param {(bytes: import('node:buffer').Buffer, start: number, end: number) => void} onFrame
 */
async function openConnection(onFrame) {
  let isReady = false;
  /** @type {(value: undefined) => void} */
  let ready = () => undefined;
  const whenReady = new Promise((resolve) => {
    ready = resolve;
  });
  const socket = await openWebSocket({
    port,
    path: '/',
    onFrame: (bytes, start, end) => {
      if (isReady) {
        onFrame(bytes, start, end);
      } else if (occurrences(bytes, start, end, pong) > 0) {
        isReady = true;
        ready(undefined);
      }
    },
  });
  socket.write(clientFrame(CONNECT, true));
  await whenReady;
  return socket;
}

/**
 * @param {import('node:buffer').Buffer} bytes
 * @param {number} start
 * @param {number} end
 * @param {import('node:buffer').Buffer} wanted
 */
function occurrences(bytes, start, end, wanted) {
  let count = 0;
  for (let at = bytes.indexOf(wanted, start); at >= 0 && at < end; ) {
    count += 1;
    at = bytes.indexOf(wanted, at + wanted.length);
  }
  return count;
}

/** @param {number} delayMs */
function after(delayMs) {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
