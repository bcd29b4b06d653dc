import { describe, expect, it } from 'vitest';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const MISSING = { topic: 'events', partition: 7 };
const NO_PARTITION = {
  code: 'UNKNOWN_TOPIC_OR_PARTITION',
  message: 'There is no partition 7 of topic "events".',
};

describe('a broker', () => {
  it('refuses to produce no records', async () => {
    const { broker } = await started();
    await expect(broker.produce(produceOf('events', []))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: 'There are no records to produce.',
    });
  });

  it.each([
    { producerId: -1, producerEpoch: 0, sequence: 0 },
    { producerId: 1, producerEpoch: 2 ** 15, sequence: 0 },
    { producerId: 1, producerEpoch: 0, sequence: 2 ** 31 },
    { producerId: 1, producerEpoch: 0, sequence: 0.5 },
  ])('refuses a producer whose members are out of range: %j', async (producer) => {
    const { broker } = await started();
    const records = [{ value: 'a', partition: 0 }];
    await expect(broker.produce(produceOf('events', records, { producer }))).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('A producer has a whole id') as string,
    });
  });

  it('names a partition that it does not have to who elects, describes or reads it', async () => {
    const { broker } = await started();
    const refused = [
      broker.electLeader(MISSING, { type: 'preferred' }),
      broker.describeReplicas(MISSING),
      broker.listOffset(MISSING, 'latest'),
      broker.deleteRecords(MISSING, 0),
    ];
    for (const one of refused) await expect(one).rejects.toMatchObject(NO_PARTITION);
  });

  it('refuses changes of a topic that is deleted before them', async () => {
    const { broker } = await started();
    const deleted = broker.deleteTopic('events');
    const refused = [
      broker.alterTopic('events', { partitions: 3 }),
      broker.electLeader({ topic: 'events', partition: 0 }, { type: 'preferred' }),
    ];
    const checked = Promise.all(
      refused.map((one) =>
        expect(one).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' }),
      ),
    );
    await deleted;
    await checked;
  });

  it('refuses only records above a lowered limit, not those queued with them', async () => {
    const test = await started(50);
    const { broker, scheduler } = test;
    const produced = Promise.allSettled(
      ['a', 'x'.repeat(2000), 'b'].map((value) => broker.produce(produceOf('events', [value]))),
    );
    await broker.alterTopic('events', { configs: { 'max.message.bytes': '1000' } });
    await scheduler.advance(50);
    expect(await produced).toMatchObject([
      { status: 'fulfilled', value: { parts: [{ baseOffset: 0 }] } },
      { status: 'rejected', reason: { code: 'MESSAGE_TOO_LARGE', outcome: 'failed' } },
      { status: 'fulfilled', value: { parts: [{ baseOffset: 1 }] } },
    ]);
  });

  it('refuses one large request that a lowered limit excludes while it is queued', async () => {
    const { broker, scheduler } = await started(50);
    const produced = broker.produce(produceOf('events', ['x'.repeat(2000)]));
    const refused = expect(produced).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
    await broker.alterTopic('events', { configs: { 'max.message.bytes': '1000' } });
    await scheduler.advance(50);
    await refused;
  });
});

async function started(lingerMs = 0): Promise<TestBroker> {
  const test = await TestBroker.start({ lingerMs });
  await test.broker.createTopic({ name: 'events' });
  return test;
}
