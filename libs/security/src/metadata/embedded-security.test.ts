import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DiskReserve, SystemRandom, silentLogger } from '#runtime';
import { FakeClock, FakeDisk } from '#runtime/testing';
import { describeSecurityMetadata } from '../testing/conformance.js';
import { exampleAcl, exampleKey, SMALL_LIMITS } from '../testing/examples.js';
import { EmbeddedSecurity } from './embedded-security.js';

let disk = new FakeDisk();
let clock = new FakeClock();
let store: EmbeddedSecurity | undefined;

async function open(limits = SMALL_LIMITS, reserve?: DiskReserve): Promise<EmbeddedSecurity> {
  await disk.makeDirectory('/data');
  store = await EmbeddedSecurity.open({
    fileSystem: disk.mount(),
    reserve,
    dataDir: '/data',
    clock,
    random: new SystemRandom(),
    logger: silentLogger,
    brokerId: 0,
    limits,
  });
  return store;
}

beforeEach(() => {
  disk = new FakeDisk();
  clock = new FakeClock();
});

afterEach(() => store?.close());

describeSecurityMetadata('EmbeddedSecurity', () => ({
  brokerId: 0,
  open,
  reopen: async () => {
    await store?.close();
    return open();
  },
  nowMs: () => clock.nowMs(),
  whileTimePasses: (promise) => promise,
}));

describe('EmbeddedSecurity', () => {
  it('revokes a key on a full disk, from the reserved space', async () => {
    await (await open()).update(() => [{ kind: 'key', key: exampleKey('k1') }]);
    await store?.close();
    const fileSystem = disk.mount();
    const path = '/data/.reserve';
    const reserve = await DiskReserve.open({
      fileSystem,
      path,
      sizeBytes: 10_000,
      logger: silentLogger,
    });
    const security = await open(SMALL_LIMITS, reserve);
    disk.capacityBytes = disk.usedBytes;
    await security.revoke([{ subject: 'key:k1', keptUntilMs: null }]);
    await security.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
    expect(reserve.isWhole).toBe(false);
    disk.crash();
    const { view } = await open();
    expect(view.key('k1')).toBeUndefined();
    expect(view.aclCount).toBe(1);
  });

  it('shows nothing that a crash could revert', async () => {
    const security = await open();
    disk.failNext('datasync', 'EIO');
    const update = security.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
    await expect(update).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' });
    expect(security.view.key('k1')).toBeUndefined();
    disk.failNext('datasync', 'EIO');
    const revocation = { subject: 'key:k2', keptUntilMs: null };
    await expect(security.revoke([revocation])).rejects.toMatchObject({
      code: 'KAFKA_STORAGE_ERROR',
    });
    expect(security.view.isRevoked('key:k2')).toBe(false);
    await security.update(() => [{ kind: 'key', key: exampleKey('k3') }]);
    await security.revoke([revocation]);
    disk.crash();
    const { view } = await open();
    expect(view.key('k3')).toBeDefined();
    expect(view.isRevoked('key:k2')).toBe(true);
  });

  it('ends the start when a journal is damaged in its middle', async () => {
    const security = await open();
    for (const id of ['k1', 'k2', 'k3']) {
      await security.update(() => [{ kind: 'key', key: exampleKey(id) }]);
      await security.revoke([{ subject: `key:${id}x`, keptUntilMs: null }]);
    }
    await security.close();
    for (const name of ['security.journal', 'revocations.journal']) {
      const path = `/data/${name}`;
      const position = Math.floor(((await disk.fileSize(path)) ?? 0) / 2);
      disk.corrupt(path, position);
      await expect(open()).rejects.toMatchObject({
        fault: 'damaged',
        message: `${path} is damaged: restore it from a backup.`,
      });
      disk.corrupt(path, position);
    }
    expect((await open()).status()).toMatchObject({ keys: 3, revocations: 3 });
  });

  it('drops a revocation a day after what it revokes has expired', async () => {
    const security = await open();
    const keptUntilMs = clock.nowMs() + 1000;
    await security.revoke([{ subject: 'key:k1', keptUntilMs }]);
    await security.close();
    const files = await disk.readFile('/data/revocations.journal');
    expect(files.toString()).toContain('key:k1');
    clock.advance(24 * 60 * 60 * 1000 + 2000);
    const later = await open();
    disk.failNext('datasync', 'EIO');
    await later.revoke([{ subject: 'key:k2', keptUntilMs: null }]).catch(() => undefined);
    await later.revoke([{ subject: 'key:k2', keptUntilMs: null }]);
    expect(later.view.isRevoked('key:k1')).toBe(false);
    expect(later.view.isRevoked('key:k2')).toBe(true);
  });

  it('replaces a long journal by a snapshot without losing a change', async () => {
    const limits = { ...SMALL_LIMITS, aclsMax: 100_000, aclsPerChangeMax: 100_000 };
    const security = await open(limits);
    const acls = Array.from({ length: 5000 }, (_, index) =>
      exampleAcl({ resourceName: `${'orders'.repeat(30)}-${index}` }),
    );
    let largestBytes = 0;
    for (let round = 0; round < 6; round += 1) {
      await security.update(() => [{ kind: 'acls-added', acls }]);
      largestBytes = Math.max(largestBytes, security.status().journalBytes);
      await security.update(() => [{ kind: 'acls-removed', acls: acls.slice(round + 1) }]);
    }
    await security.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
    expect(security.status().journalBytes).toBeLessThan(largestBytes);
    await security.close();
    const reopened = await open(limits);
    expect(reopened.status()).toMatchObject({ keys: 1, acls: 6 });
  });
});
