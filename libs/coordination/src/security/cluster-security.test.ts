import { describe, expect, it } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler, SeededRandom } from '#runtime/testing';
import { ClusterSecurity } from './cluster-security.js';
import type { SecurityRegistry } from './security-registry.js';

const REVOCATION = { subject: 'key:k1', keptUntilMs: null };

describe('a revocation in a cluster', () => {
  it('is not called done when the disk could not be written, and may be repeated', async () => {
    const disk = new FakeDisk();
    const security = await opened(disk);
    disk.failNext('datasync', 'EIO', { path: 'revocations.journal' });
    await expect(security.revoke([REVOCATION])).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
      message: "The revocation could not be written to this broker's disk.",
      outcome: 'unknown',
    });
    expect(security.status().revocations).toBe(0);
    await security.revoke([REVOCATION]);
    disk.crash();
    expect((await opened(disk)).status().revocations).toBe(1);
  });
});

/** Opens the metadata of broker 0, which is cut off from the registry and from all others. */
async function opened(disk: FakeDisk): Promise<ClusterSecurity> {
  const clock = new FakeClock();
  const fileSystem = disk.mount();
  await fileSystem.makeDirectory('/data');
  const registry: Pick<SecurityRegistry, 'isReady' | 'listen' | 'putRevocations'> = {
    isReady: false,
    listen: () => undefined,
    putRevocations: () => Promise.reject(new Error('Redis is away')),
  };
  return ClusterSecurity.open({
    registry: registry as SecurityRegistry,
    peers: { ids: () => [], exchange: notAsked, commitsAfter: notAsked },
    clusterUuid: 'c',
    clusterSecrets: ['a secret of test brokers'],
    brokerId: 0,
    dataDirUuid: 'disk 0',
    members: () => new Map([[0, { dataDirUuid: 'disk 0' }]]),
    limits: { apiKeysMax: 10, aclsMax: 10, quotasMax: 10, aclsPerChangeMax: 10 },
    fileSystem,
    dataDir: '/data',
    clock,
    random: new SeededRandom(1),
    scheduler: new FakeScheduler(clock),
    logger: silentLogger,
  });
}

function notAsked(): Promise<never> {
  return Promise.reject(new Error('there is no other broker'));
}
