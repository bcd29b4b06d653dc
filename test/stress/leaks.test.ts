/** Sockets that come, misbehave and go leave nothing behind: no cursor, no connection, no memory. */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayProcess } from '../support/gateway.js';

const ROUNDS = 4;
const SOCKETS_A_ROUND = 1000;
const OPENED_AT_ONCE = 100;
/** Four thousand sockets that were not let go would be more than this, idle even. */
const GROWTH_BYTES_MAX = 16 * 1024 * 1024;
const TOPIC = 'leaks';

let gateway: GatewayProcess;

beforeAll(async () => {
  // Collections are frequent, so that what is held shows and what is garbage does not.
  gateway = await GatewayProcess.start({ NODE_OPTIONS: '--max-semi-space-size=1' });
  const response = await fetch(`${gateway.url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: TOPIC, partitions: 4 }),
  });
  expect(response.status).toBe(201);
});

afterAll(() => gateway.dispose());

test('thousands of sockets that misbehave and vanish leave nothing behind', async () => {
  await misbehave();
  const before = await heapWhenQuiet(Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round += 1) await misbehave();
  const after = await heapWhenQuiet(before + GROWTH_BYTES_MAX);
  expect(after).toBeLessThan(before + GROWTH_BYTES_MAX);
}, 120_000);

async function misbehave(): Promise<void> {
  for (let opened = 0; opened < SOCKETS_A_ROUND; opened += OPENED_AT_ONCE) {
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, (_, index) => oneLife(index)));
  }
}

/** Subscribes, sends what it should not, and is gone in the middle of a message. */
async function oneLife(index: number): Promise<void> {
  const socket = new WebSocket(`${gateway.url.replace('http', 'ws')}/v1/ws`, 'sluice.v1');
  socket.on('error', () => undefined);
  await once(socket, 'open');
  for (let subscription = 0; subscription < 5; subscription += 1) {
    const data = { subscription: `s${subscription}`, topic: TOPIC, credit: 1 };
    socket.send(JSON.stringify({ event: 'subscribe', data }));
  }
  socket.send('{"event":');
  socket.send(Buffer.alloc(1000));
  socket.ping();
  await once(socket, 'message');
  // The beginning of a message that never ends.
  socket.send('{"event":"publish","data":{', { fin: false });
  if (index % 2 === 0) socket.terminate();
  else socket.close();
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close');
}

/**
 * The least heap that is seen once no socket and no cursor is left, asked for until it is below what
 * is wanted: asking is what makes the garbage that the collector waits for.
 */
async function heapWhenQuiet(wanted: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let asked = 0; asked < 400 && (asked < 100 || least >= wanted); asked += 1) {
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    const isQuiet = valueOf(text, 'sluice_delivery_cursors') === 0;
    if (isQuiet) least = Math.min(least, valueOf(text, 'nodejs_heap_size_used_bytes'));
  }
  return least;
}

function valueOf(metrics: string, name: string): number {
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1]);
}
