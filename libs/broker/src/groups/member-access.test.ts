import { expect, it } from 'vitest';
import { SystemRandom, silentLogger } from '#runtime';
import { FakeClock, FakeDisk } from '#runtime/testing';
import { type Acl, EmbeddedSecurity } from '#security';
import { MemberAccess } from './member-access.js';

const ALICE = { principal: 'key:alice', groups: ['group:dev'], isSuperUser: false };
const ROOT = { principal: 'key:root', groups: [], isSuperUser: true };

const WORKERS = { group: 'workers', topics: [] };

const RULE: Acl = {
  principal: 'group:dev',
  resourceType: 'group',
  resourceName: 'workers',
  patternType: 'literal',
  operation: 'Read',
  permission: 'allow',
};

it('members stay while their owners may read the group, and have their keys', async () => {
  const metadata = await openMetadata();
  const access = new MemberAccess();
  const checks: boolean[] = [];
  expect(access.mayKeep(ALICE, WORKERS)).toBe(true);
  const accessChanged = (isAffected: (owner: typeof ALICE) => boolean): void => {
    checks.push(isAffected(ALICE));
  };
  access.follow(metadata, { accessChanged });
  expect(access.mayKeep(ALICE, WORKERS)).toBe(false);
  expect(access.mayKeep(ROOT, WORKERS)).toBe(true);
  await metadata.update(() => [{ kind: 'acls-added', acls: [RULE] }]);
  expect(access.mayKeep(ALICE, WORKERS)).toBe(true);
  expect(access.mayKeep(ALICE, { ...WORKERS, group: 'others' })).toBe(false);
  await metadata.update(() => [{ kind: 'acls-removed', acls: [RULE] }]);
  expect(access.mayKeep(ALICE, WORKERS)).toBe(false);
  await metadata.update(() => [{ kind: 'acls-added', acls: [{ ...RULE, principal: 'user:ada' }] }]);
  for (const principal of ['key:alice', 'key:root']) {
    await metadata.revoke([{ subject: principal, keptUntilMs: null }]);
  }
  expect([ALICE, ROOT].map((owner) => access.mayKeep(owner, WORKERS))).toEqual([false, false]);
  expect(checks).toEqual([true, true, true, false, true, false]);
});

it('members stay while their owners may read all of their topics', async () => {
  const metadata = await openMetadata();
  const access = new MemberAccess();
  access.follow(metadata, { accessChanged: () => undefined });
  const rule = { ...RULE, resourceType: 'topic', resourceName: 'orders' } as const;
  await metadata.update(() => [{ kind: 'acls-added', acls: [RULE, rule] }]);
  const mayKeep = (...topics: string[]): boolean => access.mayKeep(ALICE, { ...WORKERS, topics });
  expect([mayKeep('orders'), mayKeep('orders', 'others')]).toEqual([true, false]);
  await metadata.update(() => [{ kind: 'acls-removed', acls: [rule] }]);
  expect([mayKeep(), mayKeep('orders')]).toEqual([true, false]);
  expect(access.mayKeep(ROOT, { ...WORKERS, topics: ['orders'] })).toBe(true);
});

async function openMetadata(): Promise<EmbeddedSecurity> {
  const disk = new FakeDisk();
  await disk.makeDirectory('/data');
  return EmbeddedSecurity.open({
    fileSystem: disk.mount(),
    dataDir: '/data',
    clock: new FakeClock(),
    random: new SystemRandom(),
    logger: silentLogger,
    brokerId: 0,
    limits: { apiKeysMax: 10, aclsMax: 10, quotasMax: 10, aclsPerChangeMax: 10 },
  });
}
