import { beforeEach, describe, expect, it } from 'vitest';
import { FakeClock } from '#runtime/testing';
import type { Acl } from '../acl/acl.js';
import type { Caller } from '../caller.js';
import type { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { exampleAcl, exampleKey } from '../testing/examples.js';
import { openMetadata } from '../testing/open-metadata.js';
import { RuleAccess } from './rule-access.js';

const ORDERS = { type: 'topic', name: 'orders' } as const;

let clock: FakeClock;
let metadata: EmbeddedSecurity;

beforeEach(async () => {
  clock = new FakeClock();
  metadata = await openMetadata(clock);
});

function accessOf(caller: Partial<Caller> = {}): RuleAccess {
  const known: Caller = {
    principal: 'key:k1',
    groups: ['group:dev'],
    isSuperUser: false,
    credential: { kind: 'none' },
    expiresAtMs: null,
    ...caller,
  };
  return new RuleAccess(known, metadata.view, clock);
}

function addRules(...acls: Acl[]): Promise<void> {
  return metadata.update(() => [{ kind: 'acls-added', acls }]);
}

describe('RuleAccess', () => {
  it('follows rules that are added and removed later', async () => {
    const access = accessOf();
    expect(access.may('Read', ORDERS)).toBe(false);
    await addRules(exampleAcl());
    expect(access.may('Read', ORDERS)).toBe(true);
    expect(access.mayOnAny('Read', 'topic')).toBe(true);
    await metadata.update(() => [{ kind: 'acls-removed', acls: [exampleAcl()] }]);
    expect(access.may('Read', ORDERS)).toBe(false);
    expect(access.mayOnAny('Read', 'topic')).toBe(false);
  });

  it('counts rules of the groups, and denies before it allows', async () => {
    await addRules(exampleAcl({ principal: 'group:dev' }));
    expect(accessOf().may('Read', ORDERS)).toBe(true);
    expect(accessOf({ groups: [] }).may('Read', ORDERS)).toBe(false);
    await addRules(exampleAcl({ permission: 'deny' }));
    expect(accessOf().may('Read', ORDERS)).toBe(false);
  });

  it('lets super users do everything, and them alone use internal topics', async () => {
    const internal = { type: 'topic', name: '__consumer_offsets' } as const;
    await addRules(exampleAcl({ resourceName: '*', operation: 'All' }));
    expect(accessOf().may('Read', ORDERS)).toBe(true);
    expect(accessOf().may('Read', internal)).toBe(false);
    expect(accessOf({ isSuperUser: true }).may('Read', internal)).toBe(true);
  });

  it.each([
    ['topic', 'TOPIC_AUTHORIZATION_FAILED'],
    ['group', 'GROUP_AUTHORIZATION_FAILED'],
    ['cluster', 'CLUSTER_AUTHORIZATION_FAILED'],
    ['lock', 'CLUSTER_AUTHORIZATION_FAILED'],
  ] as const)('refuses a missing permission on a %s with %s', (type, code) => {
    const refused = () => {
      accessOf().assertMay('Alter', { type, name: 'x' });
    };
    expect(refused).toThrow(expect.objectContaining({ code }));
  });

  it('finds that its credential has expired, or was revoked', async () => {
    const expiring = accessOf({ expiresAtMs: clock.nowMs() + 1000 });
    expect(expiring.invalidity()).toBeUndefined();
    clock.advance(1000);
    expect(expiring.invalidity()).toBe('expired');

    await metadata.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
    const credential = { kind: 'key', id: 'k1', secretHash: 'hash-of-k1' } as const;
    const access = accessOf({ credential });
    expect(access.invalidity()).toBeUndefined();
    await metadata.revoke([{ subject: 'key:k1', keptUntilMs: null }]);
    expect(access.invalidity()).toBe('revoked');
  });

  it('finds that its secret was replaced without an overlap', async () => {
    await metadata.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
    const credential = { kind: 'key', id: 'k1', secretHash: 'hash-of-k1' } as const;
    const access = accessOf({ credential });
    const secrets = [{ hash: 'another', expiresAtMs: null }];
    await metadata.update(() => [{ kind: 'key', key: exampleKey('k1', { secrets }) }]);
    expect(access.invalidity()).toBe('revoked');
  });
});
