import { describe, expect, it } from 'vitest';
import { producerIdFault } from './producer-id-check.js';
import { failureOf } from './testing/failure-of.js';
import { produceOf } from './testing/records.js';
import { TestBroker } from './testing/test-broker.js';

const OWN = { isOwn: () => true, mayHaveIssued: () => false };
const OF_OTHERS = { isOwn: () => false, mayHaveIssued: () => false };

describe('a producer id that was never issued', () => {
  it('is refused by a broker alone, and nothing is written', async () => {
    const { broker } = await TestBroker.start();
    await broker.createTopic({ name: 'events' });
    const records = [{ value: '1', partition: 0 }];
    const { producerId } = await broker.initProducer();
    const forged = producerId + 2 ** 21;
    for (const id of [forged, producerId + 2048]) {
      const producer = { producerId: id, producerEpoch: 0, sequence: 0 };
      const refusal = await failureOf(
        broker.produce({ ...produceOf('events', records), producer }),
      );
      expect(refusal).toMatchObject({
        code: 'INVALID_PRODUCER_ID_MAPPING',
        outcome: 'failed',
        retriable: false,
      });
    }
    const producer = { producerId, producerEpoch: 0, sequence: 0 };
    const { parts } = await broker.produce({ ...produceOf('events', records), producer });
    expect(parts).toMatchObject([{ baseOffset: 0 }]);
  });

  it('is refused in a cluster only by the broker whose id it would be', () => {
    const store = storeOf('redis', [1, 2]);
    expect(producerIdFault(9, { store, producerIds: OWN, brokerId: 1 })?.code).toBe(
      'INVALID_PRODUCER_ID_MAPPING',
    );
    expect(producerIdFault(9, { store, producerIds: OF_OTHERS, brokerId: 1 })).toBeUndefined();
  });

  it('is taken where another broker issues the same ids', () => {
    const store = storeOf('redis', [1, 1025]);
    expect(producerIdFault(9, { store, producerIds: OWN, brokerId: 1 })).toBeUndefined();
  });
});

function storeOf(
  kind: 'embedded' | 'redis',
  brokerIds: readonly number[],
): Parameters<typeof producerIdFault>[1]['store'] {
  const brokers = new Map(brokerIds.map((id) => [id, {}]));
  return { kind, state: { brokers } } as unknown as Parameters<typeof producerIdFault>[1]['store'];
}
