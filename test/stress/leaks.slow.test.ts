/**
 * Checks that sockets that misbehave and disconnect leave no cursor, connection or memory behind.
 */
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { GatewayProcess } from '../support/gateway.js';
import { Inspector } from '../support/inspector.js';
import { metricOf } from '../support/metric-of.js';
import { until } from '../support/until.js';

const ROUNDS = 4;
const SOCKETS_PER_ROUND = 1000;
const OPENED_AT_ONCE = 100;
/** Growth limit of the heap, bytes: four thousand leaked sockets exceed it, even idle ones. */
const GROWTH_BYTES_MAX = 8 * 1024 * 1024;
const TOPIC = 'leaks';

let gateway: GatewayProcess;
let inspector: Inspector;

beforeAll(async () => {
  // The inspector can force a garbage collection: the memory that is left is in use.
  gateway = await GatewayProcess.start({ NODE_OPTIONS: '--inspect=127.0.0.1:0' });
  inspector = await Inspector.of(gateway);
  const response = await fetch(`${gateway.url}/v1/topics`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: TOPIC, partitions: 4 }),
  });
  expect(response.status).toBe(201);
});

afterAll(async () => {
  inspector.close();
  await gateway.dispose();
});

test('thousands of sockets that misbehave and disconnect leave nothing behind', async () => {
  await misbehave();
  const before = await heapWhenQuiet();
  for (let round = 0; round < ROUNDS; round += 1) await misbehave();
  const after = await heapWhenQuiet();
  expect(after).toBeLessThan(before + GROWTH_BYTES_MAX);
}, 600_000);

async function misbehave(): Promise<void> {
  for (let opened = 0; opened < SOCKETS_PER_ROUND; opened += OPENED_AT_ONCE) {
    await Promise.all(Array.from({ length: OPENED_AT_ONCE }, (_, index) => oneLife(index)));
  }
}

/** Subscribes, sends invalid messages, and disconnects within a message. */
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

/** Heap without garbage, bytes, once no cursor is left. */
async function heapWhenQuiet(): Promise<number> {
  await until('no cursor is left', async () => (await metric('sluice_delivery_cursors')) === 0);
  await inspector.collectGarbage();
  return metric('nodejs_heap_size_used_bytes');
}

function metric(name: string): Promise<number> {
  return metricOf(gateway.url, name);
}
