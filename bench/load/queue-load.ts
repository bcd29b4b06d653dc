/**
 * Members of a queue over REST, each with one request at a time, or one over a WebSocket.
 *
 *     taskset -c 1 node dist/esm/bench/load/queue-load.js '{"port": 8080, "mode": "drain", ...}'
 *
 * - `drain` members poll and acknowledge until the time is over or `records` are acknowledged
 * - `lateness` members do the same, and the lateness of delayed records is measured
 * - `catch-up` members do the same until one gets a record that came due after the start
 * - `latency` one record at a time is produced, delivered to a waiting poll and acknowledged, each
 *   after a pause of `pauseMs`, until the time is over or `records` are acknowledged
 * - `socket-latency` the same with a member on a WebSocket
 */
import { Agent, request } from 'node:http';
import { performance } from 'node:perf_hooks';
import { argv, exit, stdout } from 'node:process';
import { WebSocket } from 'ws';

interface Options {
  readonly port: number;
  readonly mode: 'drain' | 'lateness' | 'catch-up' | 'latency' | 'socket-latency';
  readonly members?: number;
  readonly prefetch?: number;
  readonly isAckedAlone?: boolean;
  readonly records?: number;
  readonly durationMs?: number;
  readonly pauseMs?: number;
}

interface Delivered {
  readonly partition: number;
  readonly offset: number;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

const topic = 'bench';
const {
  port,
  mode,
  members = 4,
  prefetch = 100,
  isAckedAlone = false,
  records = Number.POSITIVE_INFINITY,
  durationMs = 5000,
  pauseMs = 20,
} = JSON.parse(argv[2] ?? '{}') as Options;

const agent = new Agent({ keepAlive: true, noDelay: true });
const latenciesMs: number[] = [];
let acknowledged = 0;
let startedMs = 0;
const startedAtMs = Date.now();
let isOver = false;

if (mode === 'latency') await measureLatency();
else if (mode === 'socket-latency') await measureSocketLatency();
else await drain();
exit(0);

async function drain(): Promise<void> {
  const ids = Array.from({ length: members }, (_, at) => `member-${at}`);
  await Promise.all(ids.map(join));
  const deadline = setTimeout(() => {
    isOver = true;
  }, durationMs);
  startedMs = performance.now();
  let endedMs = startedMs;
  await Promise.all(
    ids.map(async (id) => {
      while (!isOver) {
        await work(id);
        endedMs = performance.now();
        if (acknowledged >= records) isOver = true;
      }
    }),
  );
  clearTimeout(deadline);
  const elapsedMs = endedMs - startedMs;
  report({ perSecond: (acknowledged * 1000) / elapsedMs, acknowledged, elapsedMs });
}

async function work(memberId: string): Promise<void> {
  const query = `limit=${prefetch}&waitMs=${mode === 'drain' ? 100 : 1000}`;
  const delivered = await poll(memberId, query);
  if (mode !== 'drain') noteLateness(delivered);
  const acks = delivered.map(({ partition, offset }) => {
    return { topic, partition, offset, type: 'ack' };
  });
  if (acks.length === 0) return;
  const parts = isAckedAlone ? acks.map((ack) => [ack]) : [acks];
  for (const part of parts) {
    if (isOver) return;
    await acknowledge(memberId, part);
    acknowledged += part.length;
  }
}

async function poll(memberId: string, query: string): Promise<readonly Delivered[]> {
  const answer = await send('GET', memberPath(memberId, `records?${query}`));
  return (answer as { readonly records: readonly Delivered[] }).records;
}

async function acknowledge(memberId: string, acks: readonly object[]): Promise<void> {
  const answer = await send('POST', memberPath(memberId, 'acks'), { acks });
  const { acks: results } = answer as { readonly acks: readonly { readonly error?: object }[] };
  if (results.some(({ error }) => error !== undefined)) throw new Error('an ack was refused');
}

function noteLateness(delivered: readonly Delivered[]): void {
  const nowMs = Date.now();
  for (const { headers } of delivered) {
    const deliverAt = headers.find(({ key }) => key === 'sluice.deliver.at');
    if (deliverAt === undefined) continue;
    const dueMs = Number(deliverAt.value);
    const lateMs = nowMs - dueMs;
    if (lateMs < 0) throw new Error(`a record came ${-lateMs} ms early`);
    latenciesMs.push(lateMs);
    if (mode === 'catch-up' && dueMs >= startedAtMs) isOver = true;
  }
}

async function measureLatency(): Promise<void> {
  const id = 'member-0';
  await join(id);
  const endMs = performance.now() + durationMs;
  const record = { value: 'x'.repeat(98) };
  while (performance.now() < endMs && acknowledged < records) {
    const polled = poll(id, 'limit=1&waitMs=10000');
    // The poll waits before the record comes.
    await pause();
    const startMs = performance.now();
    await send('POST', `/v1/topics/${topic}/records`, record);
    const acks = (await polled).map(({ partition, offset }) => {
      return { topic, partition, offset, type: 'ack' };
    });
    await acknowledge(id, acks);
    latenciesMs.push(performance.now() - startMs);
    acknowledged += 1;
  }
  report({ acknowledged });
}

/** Frames of the gateway that this load waits for. */
interface SocketFrame {
  readonly event: string;
  readonly data: { readonly records?: readonly Omit<Delivered, 'headers'>[] };
}

async function measureSocketLatency(): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/ws`, 'sluice.v1');
  let wake: (frame: SocketFrame) => void = () => undefined;
  const next = (event: string): Promise<SocketFrame> =>
    new Promise((resolve) => {
      wake = (frame) => {
        if (frame.event === event) resolve(frame);
      };
    });
  socket.on('message', (bytes: Buffer) => wake(JSON.parse(bytes.toString()) as SocketFrame));
  await new Promise((resolve) => socket.once('open', resolve));
  const write = (event: string, data: object): void => {
    // Only an ack with an id is answered.
    socket.send(JSON.stringify({ event, id: 1, data: { subscription: 's', ...data } }));
  };
  const subscribed = next('subscribed');
  write('subscribe', { group: 'workers', topic, mode: 'queue', from: 'earliest', credit: 1 });
  await subscribed;
  const record = { value: 'x'.repeat(98) };
  const endMs = performance.now() + durationMs;
  while (performance.now() < endMs && acknowledged < records) {
    // The member waits before the record comes.
    await pause();
    const startMs = performance.now();
    const delivered = next('records');
    const sent = send('POST', `/v1/topics/${topic}/records`, record);
    const { records: some = [] } = (await delivered).data;
    const acked = next('acked');
    for (const { partition, offset } of some) write('ack', { topic, partition, offset });
    await Promise.all([acked, sent]);
    latenciesMs.push(performance.now() - startMs);
    acknowledged += 1;
  }
  socket.terminate();
  report({ acknowledged });
}

function pause(): Promise<void> {
  return new Promise((resolve) => {
    if (pauseMs === 0) setImmediate(resolve);
    else setTimeout(resolve, pauseMs);
  });
}

async function join(memberId: string): Promise<void> {
  const body = { memberId, topics: [topic], mode: 'queue', autoOffsetReset: 'earliest' };
  await send('POST', '/v1/groups/workers/members', body);
}

function memberPath(memberId: string, rest: string): string {
  return `/v1/groups/workers/members/${memberId}/${rest}`;
}

function report(result: object): void {
  latenciesMs.sort((a, b) => a - b);
  const quantile = (share: number): number =>
    latenciesMs[Math.floor(latenciesMs.length * share)] ?? Number.NaN;
  const latencyMs = { p50: quantile(0.5), p99: quantile(0.99) };
  stdout.write(`${JSON.stringify({ ...result, latencyMs })}\n`);
}

function send(method: string, path: string, body?: object): Promise<unknown> {
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const headers =
    bytes === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': bytes.length };
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', method, path, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        if ((response.statusCode ?? 0) >= 300) reject(new Error(`${path}: ${text}`));
        else resolve(JSON.parse(text));
      });
    });
    sent.on('error', reject);
    sent.end(bytes);
  });
}
