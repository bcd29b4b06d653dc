import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Acl, AclOperation, Resource, ResourceType } from './acl.js';
import { AclIndex } from './acl-index.js';

const ALICE = ['user:alice', 'group:dev', 'group:ops'];

describe('AclIndex', () => {
  it('refuses what no rule allows', () => {
    const index = indexOf(acl({ principal: 'user:bob' }), acl({ resourceType: 'group' }));
    expect(index.isAllowed(ALICE, 'Read', topic('orders'))).toBe(false);
    expect(index.isAllowedOnAny(ALICE, 'Read', 'topic')).toBe(false);
  });

  it('allows by literal name, by prefix, by `*`, by group and by every principal of a type', () => {
    const rules: Partial<Acl>[] = [
      {},
      { resourceName: 'ord', patternType: 'prefixed' },
      { resourceName: 'orders', patternType: 'prefixed' },
      { resourceName: '*' },
      { principal: 'group:ops' },
      { principal: 'user:*' },
      { principal: 'group:*' },
      { operation: 'All' },
    ];
    for (const rule of rules) {
      const index = indexOf(acl(rule));
      expect(index.isAllowed(ALICE, 'Read', topic('orders')), JSON.stringify(rule)).toBe(true);
      expect(index.isAllowedOnAny(ALICE, 'Read', 'topic'), JSON.stringify(rule)).toBe(true);
    }
    const others: Partial<Acl>[] = [
      { principal: 'key:*' },
      { principal: 'cert:*' },
      { resourceName: 'order' },
      { resourceName: 'orders-', patternType: 'prefixed' },
      { operation: 'Write' },
      { operation: 'Describe' },
    ];
    for (const rule of others) {
      const index = indexOf(acl(rule));
      expect(index.isAllowed(ALICE, 'Read', topic('orders')), JSON.stringify(rule)).toBe(false);
    }
  });

  it('lets `deny` win over `allow`, from whichever rule it comes', () => {
    const denials: Partial<Acl>[] = [
      {},
      { operation: 'All' },
      { resourceName: '*' },
      { resourceName: 'o', patternType: 'prefixed' },
      { principal: 'group:dev' },
      { principal: 'user:*' },
    ];
    for (const denial of denials) {
      const index = indexOf(acl({}), acl({ ...denial, permission: 'deny' }));
      expect(index.isAllowed(ALICE, 'Read', topic('orders')), JSON.stringify(denial)).toBe(false);
      expect(index.isAllowedOnAny(ALICE, 'Read', 'topic'), JSON.stringify(denial)).toBe(false);
    }
  });

  it('implies Describe by Read, Write, Delete, Alter, and DescribeConfigs by AlterConfigs', () => {
    const implied = (operation: AclOperation, wanted: AclOperation): boolean =>
      indexOf(acl({ operation })).isAllowed(ALICE, wanted, topic('orders'));
    for (const operation of ['Read', 'Write', 'Delete', 'Alter'] as const) {
      expect(implied(operation, 'Describe')).toBe(true);
      expect(implied(operation, 'DescribeConfigs')).toBe(false);
    }
    expect(implied('AlterConfigs', 'DescribeConfigs')).toBe(true);
    expect(implied('AlterConfigs', 'Describe')).toBe(false);
    expect(implied('Create', 'Describe')).toBe(false);
    expect(implied('Describe', 'Read')).toBe(false);
  });

  it('denies only the operation that is named, not those that it implies', () => {
    const index = indexOf(acl({ operation: 'All' }), acl({ permission: 'deny' }));
    expect(index.isAllowed(ALICE, 'Read', topic('orders'))).toBe(false);
    expect(index.isAllowed(ALICE, 'Describe', topic('orders'))).toBe(true);
  });

  it('finds a name that is allowed beside those that are denied', () => {
    const denied = acl({ resourceName: 'a', patternType: 'prefixed', permission: 'deny' });
    const any = (...acls: Acl[]): boolean =>
      indexOf(denied, ...acls).isAllowedOnAny(ALICE, 'Read', 'topic');
    expect(any(acl({ resourceName: '*' }))).toBe(true);
    expect(any(acl({ resourceName: 'ab' }))).toBe(false);
    expect(any(acl({ resourceName: 'ab', patternType: 'prefixed' }))).toBe(false);
    expect(any(acl({ resourceName: '', patternType: 'prefixed' }))).toBe(true);
    expect(any(acl({ resourceName: 'ab' }), acl({ resourceName: 'b' }))).toBe(true);
    const every = acl({ resourceName: '', patternType: 'prefixed', permission: 'deny' });
    expect(any(acl({ resourceName: '*' }), every)).toBe(false);
  });

  it('lists and counts the rules that a filter selects', () => {
    const rules = [
      acl({}),
      acl({ operation: 'Write', permission: 'deny' }),
      acl({ resourceName: 'orders', patternType: 'prefixed' }),
      acl({ resourceName: '*', resourceType: 'group' }),
      acl({ principal: 'key:1', resourceName: 'orders' }),
    ];
    const index = indexOf(...rules, ...rules);
    expect(index.size).toBe(5);
    expect([...index.select({})]).toEqual(expect.arrayContaining(rules));
    expect([...index.select({ principal: 'key:1' })]).toEqual([rules[4]]);
    expect([...index.select({ principal: 'key:2' })]).toEqual([]);
    expect([...index.select({ resourceName: 'orders', patternType: 'prefixed' })]).toEqual([
      rules[2],
    ]);
    expect([...index.select({ permission: 'deny' })]).toEqual([rules[1]]);
    expect([...index.select({ resourceType: 'group' })]).toEqual([rules[3]]);
  });

  it('decides, lists and counts as a list of rules does, while rules come and go', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), anyAcl), { maxLength: 30 }), (steps) => {
        const index = new AclIndex();
        const model: Acl[] = [];
        for (const [isAdded, rule] of steps) {
          const at = model.findIndex((one) => isEqual(one, rule));
          expect(index.has(rule)).toBe(at >= 0);
          if (isAdded) {
            expect(index.add(rule)).toBe(at < 0);
            if (at < 0) model.push(rule);
          } else {
            expect(index.remove(rule)).toBe(at >= 0);
            if (at >= 0) model.splice(at, 1);
          }
        }
        expect(index.size).toBe(model.length);
        expect([...index.select({})].map(textOf).toSorted()).toEqual(model.map(textOf).toSorted());
        for (const operation of OPERATIONS) {
          for (const type of ['topic', 'group'] as const)
            assertDecisions(index, model, operation, type);
        }
      }),
    );
  });
});

const OPERATIONS = ['Read', 'Describe', 'AlterConfigs', 'DescribeConfigs'] as const;
const NAMES = ['*', 'a', 'ab', 'abc', 'b'];
const PRINCIPALS = ['user:alice', 'group:dev', 'user:*', 'group:*', 'key:*', 'user:bob'];

const anyAcl: fc.Arbitrary<Acl> = fc.record({
  principal: fc.constantFrom(...PRINCIPALS),
  resourceType: fc.constantFrom('topic', 'group'),
  resourceName: fc.constantFrom(...NAMES),
  patternType: fc.constantFrom('literal', 'prefixed'),
  operation: fc.constantFrom('All', 'Read', 'Describe', 'AlterConfigs'),
  permission: fc.constantFrom('allow', 'deny'),
});

/** A rule for any name is right when one of these names is allowed: `~` begins no pattern. */
const CANDIDATES = ['~', ...NAMES, ...NAMES.map((name) => `${name}~`)];

function assertDecisions(
  index: AclIndex,
  model: readonly Acl[],
  operation: AclOperation,
  type: ResourceType,
): void {
  for (const name of CANDIDATES) {
    const expected = isAllowedByList(model, operation, { type, name });
    expect(index.isAllowed(ALICE, operation, { type, name })).toBe(expected);
  }
  const isAny = CANDIDATES.some((name) => isAllowedByList(model, operation, { type, name }));
  expect(index.isAllowedOnAny(ALICE, operation, type)).toBe(isAny);
  const isAll = CANDIDATES.every((name) => isAllowedByList(model, operation, { type, name }));
  expect(index.isAllowedOnAll(ALICE, operation, type)).toBe(isAll);
}

/** The definition of a decision, written as one pass over all rules. */
function isAllowedByList(
  acls: readonly Acl[],
  operation: AclOperation,
  { type, name }: Resource,
): boolean {
  const implying: Partial<Record<AclOperation, string[]>> = {
    Describe: ['Read', 'Write', 'Delete', 'Alter'],
    DescribeConfigs: ['AlterConfigs'],
  };
  const matching = acls.filter(
    (rule) =>
      rule.resourceType === type &&
      [...ALICE, 'user:*', 'group:*'].includes(rule.principal) &&
      (rule.patternType === 'prefixed'
        ? name.startsWith(rule.resourceName)
        : rule.resourceName === '*' || rule.resourceName === name),
  );
  const isNamed = (rule: Acl): boolean => ['All', operation].includes(rule.operation);
  if (matching.some((rule) => rule.permission === 'deny' && isNamed(rule))) return false;
  return matching.some(
    (rule) =>
      rule.permission === 'allow' &&
      (isNamed(rule) || implying[operation]?.includes(rule.operation) === true),
  );
}

function acl(rule: Partial<Acl>): Acl {
  return {
    principal: 'user:alice',
    resourceType: 'topic',
    resourceName: 'orders',
    patternType: 'literal',
    operation: 'Read',
    permission: 'allow',
    ...rule,
  };
}

function topic(name: string): Resource {
  return { type: 'topic', name };
}

function indexOf(...acls: Acl[]): AclIndex {
  const index = new AclIndex();
  for (const rule of acls) index.add(rule);
  return index;
}

function textOf(rule: Acl): string {
  const { principal, resourceType, resourceName, patternType, operation, permission } = rule;
  return [principal, resourceType, resourceName, patternType, operation, permission].join(' ');
}

function isEqual(left: Acl, right: Acl): boolean {
  return textOf(left) === textOf(right);
}
