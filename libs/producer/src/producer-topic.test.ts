import { expect, it } from 'vitest';
import { failure } from './testing/model-broker.js';
import { producerHarness } from './testing/producer-harness.js';

it('a producer sends on while the metadata of its topic cannot be loaded again', async () => {
  const { producer, broker, time } = producerHarness({ metadataMaxAgeMs: 1000, maxBlockMs: 500 });
  await time.until(producer.send({ topic: 't', value: 'a' }));
  broker.refuseMetadata = () => failure('BROKER_NOT_AVAILABLE', true);
  await time.advance(1000);
  const before = broker.metadataRequests;
  await time.until(producer.send({ topic: 't', value: 'b' }));
  // The load has been tried for max.block.ms, and has failed.
  await time.advance(2000);
  expect(broker.metadataRequests).toBeGreaterThan(before);
  await time.until(producer.send({ topic: 't', value: 'c' }));
  expect(broker.values('t')).toEqual(['a', 'b', 'c']);
});
