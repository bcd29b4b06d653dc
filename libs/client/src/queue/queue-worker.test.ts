import { describe, expect, it } from 'vitest';
import { networkError } from '../sluice-error.js';
import type { QueueEvents, QueueLink } from './queue-link.js';
import { QueueWorker } from './queue-worker.js';

/** A worker whose gateway answers no acknowledgement, and how much room it has. */
function workerWithoutAnswers(closed: AbortSignal) {
  let events: QueueEvents | undefined;
  let room = (): number => 0;
  const link: QueueLink = {
    settle: () => Promise.reject(networkError('the broker is gone', 'unknown')),
    room: () => undefined,
    close: () => Promise.resolve(),
  };
  const transport = {
    open: (details: { readonly events: QueueEvents; readonly room: () => number }): QueueLink => {
      ({ events, room } = details);
      return link;
    },
    fallback: undefined,
    lockMs: () => Promise.resolve(60),
  };
  const worker = new QueueWorker({ group: 'g', topics: ['t'], prefetch: 2 }, transport, closed);
  const deliver = (offset: number): void =>
    events?.delivered([
      { topic: 't', partition: 0, offset, timestamp: 0, value: offset, headers: [] },
    ]);
  return { worker, deliver, room: () => room() };
}

describe('QueueWorker', () => {
  it('has room again when the lock of a record is over that it could not settle', async () => {
    const closing = new AbortController();
    const { worker, deliver, room } = workerWithoutAnswers(closing.signal);
    deliver(0);
    deliver(1);
    const job = await worker.take(closing.signal);
    await expect(job?.ack()).rejects.toThrow('the broker is gone');
    expect(room()).toBe(0);
    await expect.poll(room).toBe(2);
    expect(job?.signal.aborted).toBe(true);
    closing.abort();
  });

  it('aborts the signal of a job whose record is delivered again', async () => {
    const closing = new AbortController();
    const { worker, deliver, room } = workerWithoutAnswers(closing.signal);
    deliver(0);
    const job = await worker.take(closing.signal);
    deliver(0);
    expect(job?.signal.aborted).toBe(true);
    expect(room()).toBe(1);
    closing.abort();
  });
});
