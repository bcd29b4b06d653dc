import { expect, test } from 'vitest';
import { Sluice } from '#client';
import { ChunkSender } from './chunk-sender.js';
import type { Chunk } from './chunks.js';

/** A broker behind `fetch` that takes requests in the order in which the test lets them in. */
class BrokerOfOnePartition {
  readonly stored: string[] = [];
  /** Requests that wait to be let in, in the order of their arrival. */
  readonly waiting: (() => void)[] = [];
  refused = 0;
  inFlightMax = 0;
  #nextSequence: number | undefined;

  readonly fetch = async (_url: unknown, init?: RequestInit): Promise<Response> => {
    const headers = new Headers(init?.headers);
    const sequence = Number(headers.get('producer-sequence'));
    const { records } = JSON.parse(init?.body as string) as {
      readonly records: { readonly value: string }[];
    };
    const letIn = new Promise<void>((resolve) => this.waiting.push(resolve));
    this.inFlightMax = Math.max(this.inFlightMax, this.waiting.length);
    await letIn;
    if (this.#nextSequence !== undefined && sequence !== this.#nextSequence) {
      this.refused += 1;
      const problem = { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', detail: '', outcome: 'failed' };
      return Response.json({ ...problem, retriable: false }, { status: 409 });
    }
    this.#nextSequence = sequence + records.length;
    this.stored.push(...records.map(({ value }) => value));
    return Response.json({ offsets: [] });
  };
}

function senderTo(
  broker: BrokerOfOnePartition,
  acks: 'all' | '0' = 'all',
): { readonly sender: ChunkSender; readonly done: number[] } {
  const sluice = new Sluice({ url: 'http://broker', transport: 'http', fetch: broker.fetch });
  const done: number[] = [];
  const producer = { producerId: 1, producerEpoch: 0 };
  const options = { topic: 't', producer, acks, deliveryTimeoutMs: 1000, sequences: new Map() };
  const onDone = ({ start }: Chunk): void => void done.push(start.index);
  return { sender: new ChunkSender(sluice, options, undefined, onDone), done };
}

function chunkOf(index: number): Chunk {
  const at = (place: number): Chunk['start'] => ({ index: place, byte: place, line: place + 1 });
  const records = [`{"value":"${index}a"}`, `{"value":"${index}b"}`];
  return { start: at(index), end: at(index + 1), parts: [{ partition: 0, records }] };
}

test('a part that overtakes the one before it is refused, and stored after it', async () => {
  const broker = new BrokerOfOnePartition();
  const { sender, done } = senderTo(broker);
  await sender.send(chunkOf(0));
  await expect.poll(() => broker.waiting.length).toBe(1);
  await sender.send(chunkOf(1));
  broker.waiting.shift()?.();
  await expect.poll(() => broker.waiting.length).toBe(1);
  await sender.send(chunkOf(2));
  await expect.poll(() => broker.waiting.length).toBe(2);
  // The third part arrives before the second.
  broker.waiting.splice(1, 1)[0]?.();
  await expect.poll(() => broker.refused).toBe(1);
  broker.waiting.shift()?.();
  await expect.poll(() => broker.waiting.length).toBe(1);
  broker.waiting.shift()?.();
  await sender.drain();
  expect(broker.stored).toEqual(['0a', '0b', '1a', '1b', '2a', '2b']);
  expect(done).toEqual([0, 1, 2]);
});

test.each([
  { acks: 'all', inFlightMax: 2 },
  { acks: '0', inFlightMax: 1 },
] as const)(
  'with acks $acks at most $inFlightMax parts of a partition are on their way',
  async ({ acks, inFlightMax }) => {
    const broker = new BrokerOfOnePartition();
    const { sender } = senderTo(broker, acks);
    const answerOne = async (): Promise<void> => {
      await expect.poll(() => broker.waiting.length).toBeGreaterThan(0);
      broker.waiting.shift()?.();
    };
    await sender.send(chunkOf(0));
    await sender.send(chunkOf(1));
    // The first part goes alone.
    await expect.poll(() => broker.inFlightMax).toBe(1);
    await answerOne();
    await answerOne();
    for (const index of [2, 3]) await sender.send(chunkOf(index));
    const sent = sender.drain();
    // The sender makes every request that it may make before the turn ends.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(broker.waiting).toHaveLength(inFlightMax);
    await answerOne();
    await answerOne();
    await sent;
    expect(broker.inFlightMax).toBe(inFlightMax);
    expect(broker.stored).toHaveLength(8);
  },
);
