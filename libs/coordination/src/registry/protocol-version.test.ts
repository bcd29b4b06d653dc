import { describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { EMPTY_CLUSTER } from '../cluster-state.js';
import type { CoordinationStore } from '../coordination-store.js';
import { FakeRegistry } from '../testing/fake-registry.js';
import { FakeRegistryData } from '../testing/fake-registry-data.js';
import { ClusterStore } from './cluster-store.js';
import type { ClusterDocument } from './registry.js';

const UUID = '7d5c3f5e-8f0b-4d0e-9d0c-0a7f3d1e2b4c';

describe('a registry written by another version of the program', () => {
  it.each([
    ['this one', { protocol_version: 2, protocol_version_min: 2 }],
    ['the one before', { protocol_version: 1, protocol_version_min: 1 }],
    ['one without a lowest reader version', { protocol_version: 1 }],
    ['the next one, which this one can read', { protocol_version: 3, protocol_version_min: 2 }],
    ['a later one with unknown members', { protocol_version: 9, protocol_version_min: 1, x: {} }],
  ])('is joined where it is %s', async (_which, versions) => {
    expect((await opened({ uuid: UUID, incarnation: 'one', ...versions })).clusterUuid).toBe(UUID);
  });

  it.each([
    ['one that this one cannot read', { protocol_version: 3, protocol_version_min: 3 }],
    ['a later one without a lowest reader version', { protocol_version: 3 }],
    ['one that is too old', { protocol_version: 0 }],
  ])('is refused where it is %s', async (_which, versions) => {
    await expect(opened({ uuid: UUID, incarnation: 'one', ...versions })).rejects.toThrow(
      /in protocol version \d, which programs of version \d and later can read: this one has version 2/,
    );
  });
});

/** Opens the store of an empty disk on a registry with this document. */
async function opened(document: ClusterDocument): Promise<CoordinationStore> {
  const clock = new FakeClock();
  const scheduler = new FakeScheduler(clock);
  const data = new FakeRegistryData();
  data.found(document, EMPTY_CLUSTER);
  const registry = new FakeRegistry({
    data,
    scheduler,
    isReachable: () => true,
    delayMs: () => 0,
    onChanged: () => undefined,
  });
  registry.connect();
  const store = await ClusterStore.open({
    registry,
    place: 'a fake',
    clusterId: 'sluice',
    brokerId: 1,
    dataDir: '/data',
    leaseMs: 3000,
    fileSystem: new FakeDisk().mount(),
    random: new SeededRandom(1),
    logger: silentLogger,
    scheduler,
    clock,
  });
  return store;
}
