import { beforeEach, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { Caller } from '../caller.js';
import type { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { exampleAcl, exampleKey } from '../testing/examples.js';
import { openMetadata } from '../testing/open-metadata.js';
import type { IssuerKeys } from './issuer-keys.js';
import { OpenUses } from './open-uses.js';
import { RuleAccess } from './rule-access.js';

let clock: FakeClock;
let scheduler: FakeScheduler;
let metadata: EmbeddedSecurity;
let uses: OpenUses;

beforeEach(async () => {
  clock = new FakeClock();
  scheduler = new FakeScheduler(clock);
  metadata = await openMetadata(clock);
  uses = new OpenUses(metadata, scheduler);
});

/** Adds a use whose rechecks are counted. */
function opened(
  caller: Partial<Caller>,
  issuerKeys?: IssuerKeys,
): { count: number; readonly end: () => void } {
  const known: Caller = {
    principal: 'key:k1',
    groups: [],
    isSuperUser: false,
    credential: { kind: 'none' },
    expiresAtMs: null,
    ...caller,
  };
  const use = { count: 0, end: () => undefined as void };
  const access = new RuleAccess(known, metadata.view, clock, { issuerKeys });
  const end = uses.add({
    access,
    recheck: () => {
      use.count += 1;
    },
  });
  return Object.assign(use, { end });
}

it('rechecks the uses of the principals that a change is about', async () => {
  const own = opened({});
  const inGroup = opened({ principal: 'key:k2', groups: ['group:dev'] });
  const user = opened({ principal: 'user:ada' });
  const counts = (): number[] => [own, inGroup, user].map(({ count }) => count);
  await metadata.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
  expect(counts()).toEqual([1, 0, 0]);
  const ofGroup = exampleAcl({ principal: 'group:dev' });
  await metadata.update(() => [{ kind: 'acls-added', acls: [ofGroup] }]);
  expect(counts()).toEqual([1, 1, 0]);
  const ofUsers = exampleAcl({ principal: 'user:*' });
  await metadata.update(() => [{ kind: 'acls-added', acls: [ofUsers] }]);
  expect(counts()).toEqual([1, 1, 1]);
  await metadata.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
  await metadata.revoke([{ subject: 'key:k2', keptUntilMs: null }]);
  expect(counts()).toEqual([2, 2, 1]);
  await metadata.revoke([{ subject: 'secret:any', keptUntilMs: null }]);
  expect(counts()).toEqual([3, 3, 2]);
});

it('rechecks a use within a second of the expiry of its credential', async () => {
  const use = opened({ expiresAtMs: clock.nowMs() + 2000 });
  await scheduler.advance(1900);
  expect(use.count).toBe(0);
  await scheduler.advance(1000);
  expect(use.count).toBeGreaterThan(0);
});

it('forgets a use that has ended', async () => {
  const use = opened({});
  use.end();
  expect(uses.count).toBe(0);
  await metadata.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
  expect(use.count).toBe(0);
});

it('rechecks the uses of a token when its issuer withdraws the key', async () => {
  const withdrawn = new Set<string>();
  const issuerKeys = { isWithdrawn: (key: string) => withdrawn.has(key) };
  const byKey = (issuerKey: string) =>
    opened({ principal: 'user:ada', credential: { kind: 'token', issuerKey } }, issuerKeys);
  const [stolen, kept] = [byKey('stolen'), byKey('kept')];
  await scheduler.advance(1000);
  expect([stolen.count, kept.count]).toEqual([0, 0]);
  withdrawn.add('stolen');
  await scheduler.advance(500);
  expect([stolen.count, kept.count]).toEqual([1, 0]);
});
