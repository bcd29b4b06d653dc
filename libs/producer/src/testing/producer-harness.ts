import { type OpenPipeline, Producer } from '../producer.js';
import type { ProducerOptions } from '../producer-settings.js';
import { RecordPipeline } from '../record-pipeline.js';
import { ModelBroker, type ModelBrokerOptions } from './model-broker.js';
import { SimulatedTime } from './simulated-time.js';
import { createTestError } from './test-error.js';

export interface ProducerHarness {
  readonly producer: Producer;
  readonly broker: ModelBroker;
  readonly time: SimulatedTime;
}

/** A producer and a model broker with the topic `t` of one partition, on simulated time. */
export function producerHarness(
  options: ProducerOptions = {},
  brokerOptions: Partial<ModelBrokerOptions> = {},
  seed = 1,
): ProducerHarness {
  const time = new SimulatedTime();
  const random = seededRandom(seed);
  const broker = new ModelBroker({ time, random, ...brokerOptions });
  broker.createTopic('t', 1);
  const runtime = { clock: time, timers: time, random, createError: createTestError };
  const open: OpenPipeline = (parts) => Promise.resolve(new RecordPipeline(broker, parts));
  return { producer: new Producer(open, runtime, options), broker, time };
}

/** A linear congruential generator: the same numbers for the same seed. */
export function seededRandom(seed: number): { below(bound: number): number } {
  let state = seed >>> 0;
  return {
    below: (bound) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * bound);
    },
  };
}
