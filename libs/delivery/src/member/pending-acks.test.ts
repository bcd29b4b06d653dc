import { expect, it } from 'vitest';
import type { QueueAck, QueueAckResult } from '#broker';
import { PendingAcks } from './pending-acks.js';

const ackOf = (offset: number): QueueAck => ({ topic: 't', partition: 0, offset, type: 'ack' });

/** Calls that a test answers, one after the other. */
class Calls {
  readonly sent: number[][] = [];
  readonly #answers: ((error?: Error) => void)[] = [];

  readonly send = (acks: readonly QueueAck[]): Promise<readonly QueueAckResult[]> => {
    this.sent.push(acks.map(({ offset }) => offset));
    return new Promise((resolve, reject) => {
      this.#answers.push((error) => {
        if (error === undefined) resolve(acks.map((ack) => ({ ...ack, error: undefined })));
        else reject(error);
      });
    });
  };

  async answer(error?: Error): Promise<void> {
    await expect.poll(() => this.#answers.length).toBeGreaterThan(0);
    this.#answers.shift()?.(error);
  }
}

const offsetsOf = (results: readonly QueueAckResult[]) => results.map(({ offset }) => offset);

it('acks that come during a call are sent together, with results for each sender', async () => {
  const calls = new Calls();
  const pending = new PendingAcks(calls.send);
  const results = [[1], [2, 3], [4]].map((offsets) => pending.add(offsets.map(ackOf)));
  await calls.answer();
  await results[0];
  const later = [[5], [6]].map((offsets) => pending.add(offsets.map(ackOf)));
  await calls.answer();
  expect(
    await Promise.all([...results, ...later].map(async (one) => offsetsOf(await one))),
  ).toEqual([[1], [2, 3], [4], [5], [6]]);
  expect(calls.sent).toEqual([
    [1, 2, 3, 4],
    [5, 6],
  ]);
});

it('a failed call refuses its acks and no later ones, and all are settled then', async () => {
  const calls = new Calls();
  const pending = new PendingAcks(calls.send);
  await pending.settled();
  const first = pending.add([ackOf(1)]);
  const failed = expect(first).rejects.toThrow('lost');
  await expect.poll(() => calls.sent.length).toBe(1);
  const second = pending.add([ackOf(2)]);
  const order: string[] = [];
  const note = async (name: string, work: Promise<unknown>): Promise<void> => {
    await work;
    order.push(name);
  };
  const all = [note('settled', pending.settled()), note('second', second), note('first', failed)];
  await calls.answer(new Error('lost'));
  await failed;
  await calls.answer();
  await Promise.all(all);
  expect(offsetsOf(await second)).toEqual([2]);
  expect(order).toEqual(['first', 'second', 'settled']);
});
