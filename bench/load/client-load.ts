/**
 * A program with the client library, or one that does the same by hand over the WebSocket.
 *
 *     taskset -c 1 node dist/esm/bench/load/client-load.js '{"port": 8080, "mode": "produce", ...}'
 *
 * - `produce` one program sends as fast as its buffer allows, or `perSecond` records
 * - `send` 64 callers, each of which awaits its records one by one
 * - `post-by-hand` the same callers with one `fetch` for each record
 * - `subscribe`, `consume`, `queue` read `records` records that are there
 * - `read-by-hand`, `queue-by-hand` do so with `ws`, `JSON.parse` and nothing else
 */
import { performance } from 'node:perf_hooks';
import { argv, cpuUsage, exit, stdout } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Sluice } from '#client';

type Mode =
  | 'produce'
  | 'send'
  | 'post-by-hand'
  | 'subscribe'
  | 'consume'
  | 'queue'
  | 'read-by-hand'
  | 'queue-by-hand';

interface Options {
  readonly port: number;
  readonly mode: Mode;
  readonly transport?: 'http' | 'websocket';
  readonly valueBytes?: number;
  readonly perSecond?: number;
  readonly records?: number;
  readonly warmupMs?: number;
  readonly durationMs?: number;
}

const topic = 'bench';
const CALLERS = 64;
/** Records of a program that sends as fast as it can: each partition has its next batches. */
const ON_THE_WAY = 5000;
/** Interval at which records are sent at a fixed rate, ms. */
const TICK_MS = 5;

const {
  port,
  mode,
  transport = 'websocket',
  valueBytes = 100,
  perSecond,
  records = 0,
  warmupMs = 1000,
  durationMs = 5000,
} = JSON.parse(argv[2] ?? '{}') as Options;

const url = `http://127.0.0.1:${port}`;
const value = 'x'.repeat(valueBytes - 2);
const MODES: Readonly<Record<Mode, () => Promise<object>>> = {
  produce,
  send,
  'post-by-hand': postByHand,
  subscribe: () => timed(readAll),
  consume: () => timed(consumeAll),
  queue: () => timed(workAll),
  'read-by-hand': () => timed(readByHand),
  'queue-by-hand': () => timed(workByHand),
};

function client(): Sluice {
  return new Sluice({ url, transport, WebSocket });
}

/** Sends records, and measures those that are acknowledged after the warm-up. */
async function produce(): Promise<object> {
  const producer = client().producer();
  const counts = new Counts();
  const isOver = (): boolean => performance.now() >= counts.endMs;
  let unanswered = 0;
  // Nothing can be sent at a rate before the client has loaded its modules and is connected.
  await producer.send({ topic, value });
  await new Promise<void>((resolve, reject) => {
    const sendOne = (): void => {
      const sentMs = performance.now();
      unanswered += 1;
      producer.send({ topic, value }, (error) => {
        if (error !== undefined) {
          reject(error);
          return;
        }
        unanswered -= 1;
        counts.add(performance.now() - sentMs);
        if (!isOver() && perSecond === undefined) sendOne();
        else if (isOver() && unanswered === 0) resolve();
      });
    };
    if (perSecond === undefined) for (let sent = 0; sent < ON_THE_WAY; sent += 1) sendOne();
    else {
      void sendAtRate(perSecond, sendOne, isOver, () => {
        // The last record may have been answered before the end.
        if (unanswered === 0) resolve();
      });
    }
  });
  return counts.result();
}

async function sendAtRate(
  rate: number,
  sendOne: () => void,
  isOver: () => boolean,
  onEnd: () => void,
): Promise<void> {
  const startMs = performance.now();
  for (let sent = 0; !isOver(); await setTimeout(TICK_MS)) {
    const due = ((performance.now() - startMs) / 1000) * rate;
    for (; sent < due; sent += 1) sendOne();
  }
  onEnd();
}

function send(): Promise<object> {
  const producer = client().producer();
  return fromCallers(() => producer.send({ topic, value }));
}

function postByHand(): Promise<object> {
  const body = JSON.stringify({ value });
  const headers = { 'content-type': 'application/json' };
  return fromCallers(async () => {
    const path = `${url}/v1/topics/${topic}/records`;
    const response = await fetch(path, { method: 'POST', headers, body });
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  });
}

/** Measures callers that each store records one by one. */
async function fromCallers(storeOne: () => Promise<unknown>): Promise<object> {
  const counts = new Counts();
  const caller = async (): Promise<void> => {
    while (performance.now() < counts.endMs) {
      const sentMs = performance.now();
      await storeOne();
      counts.add(performance.now() - sentMs);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return counts.result();
}

/** Runs a reader of all records, and returns its rate. */
async function timed(read: () => Promise<void>): Promise<object> {
  const startMs = performance.now();
  await read();
  return { perSecond: (records / (performance.now() - startMs)) * 1000 };
}

async function readAll(): Promise<void> {
  let read = 0;
  for await (const record of client().subscribe(topic, { from: 'earliest' })) {
    read += record.value === value ? 1 : 0;
    if (read === records) return;
  }
}

async function consumeAll(): Promise<void> {
  let read = 0;
  const options = { group: 'bench', topics: [topic], autoOffsetReset: 'earliest' } as const;
  for await (const batch of client().consumer(options)) {
    read += batch.records.length;
    if (read >= records) return;
  }
}

async function workAll(): Promise<void> {
  const queue = client().queue({
    group: 'bench-client',
    topics: [topic],
    prefetch: CALLERS,
    autoOffsetReset: 'earliest',
  });
  let handled = 0;
  const stop = new AbortController();
  const handler = (): void => {
    handled += 1;
    if (handled === records) stop.abort();
  };
  const run = queue.run(handler, { concurrency: CALLERS, signal: stop.signal });
  await run.catch(() => undefined);
}

/** A program by hand: it parses each message and grants credit for what it got. */
async function readByHand(): Promise<void> {
  let read = 0;
  await overSocket({ topics: [topic], from: 'earliest', credit: 1000 }, (message, ask) => {
    if (message.event !== 'records') return false;
    const { length } = message.data.records;
    read += length;
    ask('credit', { records: length });
    return read >= records;
  });
}

async function workByHand(): Promise<void> {
  let done = 0;
  const data = { topics: [topic], group: 'bench-by-hand', mode: 'queue', credit: CALLERS };
  await overSocket({ ...data, autoOffsetReset: 'earliest' }, (message, ask) => {
    if (message.event === 'records') {
      for (const { partition, offset, deliveryCount } of message.data.records) {
        ask('ack', { topic, partition, offset, deliveryCount });
      }
    } else if (message.event !== 'subscribed' && message.id !== undefined) done += 1;
    return done >= records;
  });
}

interface Message {
  readonly event: string;
  readonly id?: number;
  readonly data: {
    readonly records: readonly {
      readonly partition: number;
      readonly offset: number;
      readonly deliveryCount: number;
    }[];
  };
}

type Ask = (event: string, data: object) => void;

/** Subscribes over a WebSocket of its own until `take` returns true. */
function overSocket(data: object, take: (message: Message, ask: Ask) => boolean): Promise<void> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
  let lastId = 0;
  const ask: Ask = (event, more) => {
    lastId += 1;
    const message = { event, id: lastId, data: { subscription: 's', ...more } };
    socket.send(JSON.stringify(message));
  };
  socket.on('open', () => ask('subscribe', data));
  return new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (bytes: Buffer) => {
      const message = JSON.parse(bytes.toString('utf8')) as Message;
      if (message.event === 'error') reject(new Error(bytes.toString('utf8')));
      if (take(message, ask)) resolve();
    });
  });
}

/**
 * Records that were acknowledged after the warm-up, their latencies and the CPU time of it. The
 * warm-up begins with the first acknowledgement: the start of the client does not count.
 */
class Counts {
  endMs = Number.POSITIVE_INFINITY;
  #startMs: number | undefined;
  readonly #latenciesMs: number[] = [];
  #cpu: NodeJS.CpuUsage | undefined;

  add(latencyMs: number): void {
    const nowMs = performance.now();
    if (this.#startMs === undefined) {
      this.#startMs = nowMs + warmupMs;
      this.endMs = this.#startMs + durationMs;
    }
    if (nowMs < this.#startMs || nowMs > this.endMs) return;
    this.#cpu ??= cpuUsage();
    this.#latenciesMs.push(latencyMs);
  }

  result(): object {
    const sorted = this.#latenciesMs.toSorted((one, other) => one - other);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
    const { user, system } = cpuUsage(this.#cpu);
    return {
      perSecond: (sorted.length / durationMs) * 1000,
      cpuMicrosPerRecord: (user + system) / sorted.length,
      latencyMs: { p50: at(0.5), p99: at(0.99) },
    };
  }
}

stdout.write(`${JSON.stringify(await MODES[mode]())}\n`);
exit(0);
