import { describe, expect, test } from 'vitest';
import { useGateway } from '../data/gateway-under-test.js';

const gateway = useGateway();

interface QueuedRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: unknown;
  readonly deliveryCount: number;
  readonly headers: readonly { readonly key: string; readonly value: string }[];
}

/** A queue group on a topic of its own. */
class Queue {
  readonly group = `g-${Math.random().toString(36).slice(2)}`;

  constructor(readonly topic: string) {}

  static async open(options: Record<string, unknown> = {}): Promise<Queue> {
    return new Queue(await gateway.topic(options));
  }

  async produce(...records: readonly object[]): Promise<void> {
    await this.#send('POST', `/v1/topics/${this.topic}/records`, { records });
  }

  async join(memberId: string): Promise<void> {
    await this.#send('POST', `/v1/groups/${this.group}/members`, {
      memberId,
      topics: [this.topic],
      mode: 'queue',
      autoOffsetReset: 'earliest',
    });
  }

  async poll(memberId: string, query = ''): Promise<QueuedRecord[]> {
    const path = `/v1/groups/${this.group}/members/${memberId}/records?${query}`;
    const { records } = (await this.#send('GET', path)) as { records: QueuedRecord[] };
    return records;
  }

  async ack(
    memberId: string,
    records: readonly Pick<QueuedRecord, 'partition' | 'offset'>[],
    members: object = { type: 'ack' },
  ): Promise<{ readonly error?: { readonly code: string; readonly outcome: string } }[]> {
    const acks = records.map(({ partition, offset }) => {
      return { topic: this.topic, partition, offset, ...members };
    });
    const path = `/v1/groups/${this.group}/members/${memberId}/acks`;
    const answer = (await this.#send('POST', path, { acks })) as { acks: [] };
    return answer.acks;
  }

  async alter(configs: object): Promise<void> {
    await this.#send('PATCH', `/v1/groups/${this.group}/configs`, { configs });
  }

  async #send(method: string, path: string, body?: object): Promise<unknown> {
    const response = await fetch(gateway.url + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { 'Content-Type': 'application/json' },
    });
    const answer: unknown = await response.json();
    expect([200, 201], JSON.stringify(answer)).toContain(response.status);
    return answer;
  }
}

const values = (records: readonly QueuedRecord[]) => records.map(({ value }) => value);

describe('members of a queue', () => {
  test('share a partition, and an acknowledged record does not come back', async () => {
    const queue = await Queue.open();
    await queue.produce({ value: 1 }, { value: 2 }, { value: 3 });
    await queue.join('a');
    await queue.join('b');
    const first = await queue.poll('a', 'limit=2');
    expect(first).toMatchObject([
      { value: 1, offset: 0, deliveryCount: 1 },
      { value: 2, offset: 1, deliveryCount: 1 },
    ]);
    expect(values(await queue.poll('b', 'limit=2'))).toEqual([3]);
    expect(await queue.ack('a', first)).toMatchObject([{ offset: 0 }, { offset: 1 }]);
    expect(await queue.poll('a')).toEqual([]);
    const [refused] = await queue.ack('a', [{ partition: 0, offset: 2 }]);
    expect(refused?.error).toMatchObject({ code: 'INVALID_RECORD_STATE', outcome: 'failed' });
  });

  test('wait for records that are produced, given back, or due', async () => {
    const queue = await Queue.open();
    await queue.join('a');
    await queue.join('b');
    const produced = queue.poll('a', 'waitMs=20000');
    await queue.produce({ value: 'new' });
    const first = await produced;
    expect(values(first)).toEqual(['new']);
    const given = queue.poll('b', 'waitMs=20000');
    await queue.ack('a', first, { type: 'nack' });
    expect(await given).toMatchObject([{ value: 'new', deliveryCount: 2 }]);
    const due = queue.poll('a', 'waitMs=20000');
    await queue.produce({ value: 'later', delayMs: 300 });
    expect(values(await due)).toEqual(['later']);
  });

  test('get the same records again when the answer was lost', async () => {
    const queue = await Queue.open();
    await queue.produce({ value: 1 }, { value: 2 });
    await queue.join('a');
    const first = await queue.poll('a', 'limit=1&receiveId=r1');
    expect(await queue.poll('a', 'limit=1&receiveId=r1')).toEqual(first);
    expect(values(await queue.poll('a', 'limit=1&receiveId=r2'))).toEqual([2]);
  });

  test('name a poll with at most 255 characters', async () => {
    const queue = await Queue.open();
    await queue.produce({ value: 1 });
    await queue.join('a');
    const path = `/v1/groups/${queue.group}/members/a/records`;
    const refused = await fetch(`${gateway.url}${path}?receiveId=${'i'.repeat(256)}`);
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({
      code: 'INVALID_REQUEST',
      errors: [{ pointer: '?receiveId' }],
    });
    expect(values(await queue.poll('a', `receiveId=${'i'.repeat(255)}`))).toEqual([1]);
  });

  test('get no records with HEAD, by which they would not see them', async () => {
    const queue = await Queue.open();
    await queue.produce({ value: 1 });
    await queue.join('a');
    const path = `/v1/groups/${queue.group}/members/a/records`;
    const refused = await fetch(gateway.url + path, { method: 'HEAD' });
    expect([refused.status, refused.headers.get('allow')]).toEqual([405, 'GET']);
    expect(await queue.poll('a')).toMatchObject([{ value: 1, deliveryCount: 1 }]);
  });

  test('leave, and their records are delivered to others at once', async () => {
    const queue = await Queue.open();
    await queue.produce({ value: 1 });
    await queue.join('a');
    await queue.join('b');
    await queue.poll('a');
    const waiting = queue.poll('b', 'waitMs=20000');
    const path = `${gateway.url}/v1/groups/${queue.group}/members/a`;
    expect((await fetch(path, { method: 'DELETE' })).status).toBe(204);
    expect(await waiting).toMatchObject([{ value: 1, deliveryCount: 1 }]);
  });
});

describe('a record of a queue', () => {
  test('comes back when its lock is over', async () => {
    const queue = await Queue.open();
    await queue.alter({ 'share.record.lock.duration.ms': 200 });
    await queue.produce({ value: 1 });
    await queue.join('a');
    await queue.poll('a');
    expect(await queue.poll('a', 'waitMs=20000')).toMatchObject([{ value: 1, deliveryCount: 2 }]);
  });

  test('is not delivered before its time, and does not stop the records after it', async () => {
    const queue = await Queue.open();
    const deliverAt = Date.now() + 1000;
    await queue.produce({ value: 'late', deliverAt }, { value: 'early' });
    await queue.join('a');
    const first = await queue.poll('a');
    expect(values(first)).toEqual(['early']);
    await queue.ack('a', first);
    expect(values(await queue.poll('a', 'waitMs=20000'))).toEqual(['late']);
    expect(Date.now()).toBeGreaterThanOrEqual(deliverAt);
  });

  test('goes to the dead letters once when it is rejected', async () => {
    const queue = await Queue.open();
    await queue.produce({ key: 'k', value: { bad: true }, headers: { a: 'b' } });
    await queue.join('a');
    const records = await queue.poll('a');
    await queue.ack('a', records, { type: 'reject', reason: 'no such customer' });
    const path = `${gateway.url}/v1/topics/dlq.${queue.group}/partitions/0/records`;
    const deadLetters = async (): Promise<QueuedRecord[]> => {
      const response = await fetch(path);
      if (response.status !== 200) return [];
      return ((await response.json()) as { records: QueuedRecord[] }).records;
    };
    await expect.poll(deadLetters).toHaveLength(1);
    expect(await deadLetters()).toMatchObject([
      {
        key: 'k',
        value: { bad: true },
        headers: [
          { key: 'a', value: 'b' },
          { key: '__dlq.errors.topic', value: queue.topic },
          { key: '__dlq.errors.partition', value: '0' },
          { key: '__dlq.errors.offset', value: '0' },
          { key: '__dlq.errors.group', value: queue.group },
          { key: '__dlq.errors.delivery.count', value: '1' },
          { key: '__dlq.errors.message', value: 'no such customer' },
        ],
      },
    ]);
  });

  test('is delivered in the order of its key where the group says so', async () => {
    const queue = await Queue.open();
    await queue.alter({ 'sluice.share.key.ordered': true });
    await queue.produce({ key: 'k', value: 1 }, { key: 'k', value: 2 }, { key: 'l', value: 3 });
    await queue.join('a');
    const first = await queue.poll('a');
    expect(values(first)).toEqual([1, 3]);
    await queue.ack('a', first);
    expect(values(await queue.poll('a'))).toEqual([2]);
  });
});
