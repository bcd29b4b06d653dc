/** Sequences of events around groups that random runs rarely reach, on simulated brokers. */
import { describe, expect, it } from 'vitest';
import { startCluster } from './cluster-life.js';
import { World } from './world.js';

const SEED = 1;

async function inCluster(steps: (world: World) => Promise<void>): Promise<void> {
  const world = new World({ seed: SEED });
  try {
    await world.drive(async () => {
      await startCluster(world);
      await steps(world);
    });
  } finally {
    world.end();
  }
  expect(world.violations).toEqual([]);
}

describe('the topic of committed offsets', () => {
  it('is there for all brokers that create it at the same time', () =>
    inCluster(async ({ machines }) => {
      const made = machines.map(({ broker }) => broker?.groups.alterConfigs('g', {}));
      for (const { configs } of await Promise.all(made.filter((one) => one !== undefined))) {
        expect(configs).toHaveProperty('consumer.session.timeout.ms');
      }
    }));
});
