/**
 * A program with the client library that a test stops, as a laptop that sleeps, and whose clock it
 * sets forward. It writes numbers, and prints a line for each event.
 *
 *     node --import jiti/register test/client/sleeping-program.ts URL http|websocket
 *
 * A line `jump MS` on stdin sets its clock forward; `end` ends it.
 */
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { clientOf, type TransportUnderTest } from './client-under-test.js';

const TOPIC = 'orders';
const PACE_MS = 50;
const SESSION_MS = 2000;

const [url = '', transport = 'websocket'] = process.argv.slice(2);
const client = clientOf(url, transport as TransportUnderTest, { reconnectBackoffMaxMs: 500 });
const print = (event: string, details: object): void => {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);
};

const state = { isEnding: false };
const now = Date.now.bind(Date);
let aheadMs = 0;
Date.now = () => now() + aheadMs;
createInterface({ input: process.stdin }).on('line', (line) => {
  if (line === 'end') state.isEnding = true;
  else aheadMs += Number(line.split(' ')[1]);
});

void subscribe();
void consume();
await produce();
print('ended', {});

/** Sends numbers, one after the other, until it is told to end. */
async function produce(): Promise<void> {
  const producer = client.producer();
  for (let number = 0; !state.isEnding; number += 1) {
    const value = `${transport}-${number}`;
    const { outcome } = await producer.send({ topic: TOPIC, partition: 0, value }).then(
      () => ({ outcome: 'written' }),
      (error: { readonly outcome: string }) => error,
    );
    print('sent', { value, outcome });
    await setTimeout(PACE_MS);
  }
}

async function subscribe(): Promise<void> {
  for await (const { offset, value } of client.subscribe(TOPIC, { from: 'earliest' })) {
    print('read', { offset, value });
  }
}

/** A group of its own: nobody takes its partition, but its session ends. */
async function consume(): Promise<void> {
  const consumer = client.consumer({
    group: `group-${transport}`,
    topics: [TOPIC],
    autoOffsetReset: 'earliest',
    autoCommit: false,
    sessionTimeoutMs: SESSION_MS,
    onLost: () => print('lost', {}),
  });
  for await (const batch of consumer) {
    for (const { offset, value } of batch.records) print('consumed', { offset, value });
    const committed = (batch.records.at(-1)?.offset ?? 0) + 1;
    await batch.commit().then(
      () => print('committed', { offset: committed }),
      () => undefined,
    );
  }
}
