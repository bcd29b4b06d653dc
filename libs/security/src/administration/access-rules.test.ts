import { beforeEach, describe, expect, it } from 'vitest';
import { atOnce } from '#runtime';
import { FakeClock } from '#runtime/testing';
import type { Acl } from '../acl/acl.js';
import { openMetadata } from '../testing/open-metadata.js';
import { AccessRules } from './access-rules.js';
import { PrincipalQuotas } from './principal-quotas.js';

const RULE: Acl = {
  principal: 'user:alice',
  resourceType: 'topic',
  resourceName: '*',
  patternType: 'literal',
  operation: 'Read',
  permission: 'allow',
};

let rules: AccessRules;
let quotas: PrincipalQuotas;

beforeEach(async () => {
  const metadata = await openMetadata(new FakeClock());
  rules = new AccessRules(metadata);
  quotas = new PrincipalQuotas(metadata);
});

describe('AccessRules', () => {
  it.each([
    ['"*" as a prefix', { patternType: 'prefixed' }],
    ['another cluster', { resourceType: 'cluster', resourceName: 'other' }],
    ['a prefix of the cluster', { resourceType: 'cluster', patternType: 'prefixed' }],
  ] as const)('refuses a rule for %s, and adds none of the request', async (_what, members) => {
    await expect(rules.add([RULE, { ...RULE, ...members }])).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      faults: [{ pointer: '/acls/1/resourceName' }],
    });
    expect(atOnce(rules.list({}, 0, 10)).acls).toEqual([]);
  });

  it('lists many rules in slices, whatever the filter selects', async () => {
    const names = Array.from({ length: 10_001 }, (_, index) => `topic-${index}`);
    await rules.add(names.map((resourceName) => ({ ...RULE, resourceName })));
    const list = rules.list({ patternType: 'prefixed' }, 0, 10);
    expect(list.next()).toEqual({ done: false, value: undefined });
    expect(atOnce(list)).toEqual({ acls: [], nextAfter: null });
    const last = atOnce(rules.list({ operation: 'Read' }, 10_000, 10));
    expect(last).toEqual({ acls: [{ ...RULE, resourceName: 'topic-10000' }], nextAfter: null });
  });

  it('removes nothing for a filter that selects everything', async () => {
    await rules.add([RULE]);
    await expect(rules.remove({})).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('At least one of'),
    });
    expect(atOnce(rules.list({}, 0, 10)).acls).toEqual([RULE]);
    expect(await rules.remove({ principal: 'user:alice' })).toEqual([RULE]);
    expect(atOnce(rules.list({}, 0, 10)).acls).toEqual([]);
  });
});

describe('PrincipalQuotas', () => {
  it('refuses a name that is not a principal', async () => {
    await expect(quotas.set('alice', { request_rate: 1 })).rejects.toMatchObject({
      code: 'INVALID_REQUEST',
      message: expect.stringContaining('"alice" is not a principal'),
    });
    await quotas.set('user:alice', { request_rate: 1 });
    expect(quotas.of('user:alice')).toEqual({ request_rate: 1 });
  });
});
