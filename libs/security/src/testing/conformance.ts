/**
 * Tests of the behaviour that every store of security metadata must have: that of one broker, and
 * that of a cluster.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import type { SecurityChange } from '../metadata/security-change.js';
import type { SecurityMetadata } from '../metadata/security-metadata.js';
import { exampleAcl, exampleKey } from './examples.js';

/** Access of a suite to stores with `SMALL_LIMITS`; they are closed after each test. */
export interface SecurityUnderTest {
  /** Id of the broker of the store. */
  readonly brokerId: number;
  open(): Promise<SecurityMetadata>;
  /** Closes the store and opens it again on the same disk. */
  reopen(): Promise<SecurityMetadata>;
  /** The time of the broker's wall clock, in ms. */
  nowMs(): number;
  /** Settles like a promise, and lets time pass if it has to. */
  whileTimePasses<T>(promise: Promise<T>): Promise<T>;
}

/** @param stores the store that only the running test uses */
export function describeSecurityMetadata(name: string, stores: () => SecurityUnderTest): void {
  describe(`${name} as a store of security metadata`, () => {
    const store = new CurrentStore(stores);
    beforeEach(() => store.open());
    describeUpdates(stores, store);
    describeRevocations(stores, store);
    describeListeners(stores, store);
  });
}

/** The store of the running test. */
class CurrentStore {
  readonly #stores: () => SecurityUnderTest;
  #current: SecurityMetadata | undefined;

  constructor(stores: () => SecurityUnderTest) {
    this.#stores = stores;
  }

  get current(): SecurityMetadata {
    if (this.#current === undefined) throw new Error('the store is not open');
    return this.#current;
  }

  async open(): Promise<void> {
    this.#current = await this.#stores().open();
  }

  async reopen(): Promise<void> {
    this.#current = await this.#stores().reopen();
  }

  commit(...changes: SecurityChange[]): Promise<void> {
    return this.#stores().whileTimePasses(this.current.update(() => changes));
  }
}

function describeUpdates(stores: () => SecurityUnderTest, store: CurrentStore): void {
  it('shows a change once it is made, and after a restart', async () => {
    await store.commit(
      { kind: 'key', key: exampleKey('k1') },
      { kind: 'acls-added', acls: [exampleAcl(), exampleAcl({ operation: 'Write' })] },
      { kind: 'quota', principal: 'default', quota: { request_rate: 10 } },
    );
    await store.commit({ kind: 'acls-removed', acls: [exampleAcl({ operation: 'Write' })] });
    for (let round = 0; round < 2; round += 1) {
      const { view } = store.current;
      expect(view.key('k1')).toEqual(exampleKey('k1'));
      expect([...view.acls({})]).toEqual([exampleAcl()]);
      expect(view.isAllowed(['key:k1'], 'Read', { type: 'topic', name: 'orders' })).toBe(true);
      expect(view.isAllowedOnAny(['key:k1'], 'Write', 'topic')).toBe(false);
      expect(view.quotaOf('key:k1')).toEqual({ request_rate: 10 });
      expect(store.current.status()).toMatchObject({ keys: 1, acls: 1, quotas: 1, revocations: 0 });
      await store.reopen();
    }
  });

  it('commits nothing without changes, and rejects with the error of the decision', async () => {
    await store.commit({ kind: 'acls-added', acls: [exampleAcl()] });
    const { version } = store.current.view;
    await store.commit();
    await store.commit({ kind: 'acls-added', acls: [exampleAcl()] });
    await store.commit({ kind: 'acls-removed', acls: [exampleAcl({ resourceName: 'other' })] });
    expect(store.current.view.version).toBe(version);
    const failure = new Error('no');
    const refuse = (): never => {
      throw failure;
    };
    await expect(stores().whileTimePasses(store.current.update(refuse))).rejects.toBe(failure);
  });

  it('decides concurrent changes one after the other', async () => {
    const add = (id: string): Promise<void> =>
      store.current.update((view) => {
        const name = `${view.keyCount} before`;
        return [{ kind: 'key', key: exampleKey(id, { name }) }];
      });
    await stores().whileTimePasses(Promise.all([add('a'), add('b'), add('c')]));
    expect([...store.current.view.keys()].map(({ name }) => name)).toEqual([
      '0 before',
      '1 before',
      '2 before',
    ]);
  });

  it('refuses what exceeds a bound, and commits nothing of it', async () => {
    const keys = ['a', 'b', 'c', 'd'].map(
      (id): SecurityChange => ({ kind: 'key', key: exampleKey(id) }),
    );
    const acls = ['a', 'b', 'c', 'd', 'e'].map((resourceName) => exampleAcl({ resourceName }));
    const quotas = ['a', 'b', 'c'].map(
      (id): SecurityChange => ({ kind: 'quota', principal: `key:${id}`, quota: {} }),
    );
    for (const changes of [keys, quotas, [{ kind: 'acls-added', acls } as const]]) {
      await expect(store.commit(...changes)).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
    }
    expect(store.current.status()).toMatchObject({ keys: 0, acls: 0, quotas: 0 });
    await store.commit(...keys.slice(1), ...quotas.slice(1));
    await store.commit({ kind: 'acls-added', acls: acls.slice(1) }, ...keys.slice(1));
    await store.commit({ kind: 'acls-added', acls: acls.slice(0, 1) });
    const another = { kind: 'acls-added', acls: [exampleAcl({ operation: 'All' })] } as const;
    await expect(store.commit(another)).rejects.toMatchObject({ code: 'POLICY_VIOLATION' });
    await store.commit({ kind: 'acls-removed', acls: acls.slice(0, 1) }, another);
    expect(store.current.status()).toMatchObject({ keys: 3, acls: 5, quotas: 2 });
  });
}

function describeRevocations(stores: () => SecurityUnderTest, store: CurrentStore): void {
  it('revokes keys and secrets for ever, also when they are added again', async () => {
    const rotated = exampleKey('k1', {
      secrets: [
        { hash: 'new', expiresAtMs: null },
        { hash: 'old', expiresAtMs: stores().nowMs() + 1000 },
      ],
    });
    const other = exampleKey('k2');
    await store.commit({ kind: 'key', key: rotated }, { kind: 'key', key: other });
    const result = await stores().whileTimePasses(
      store.current.revoke([
        { subject: 'secret:old', keptUntilMs: null },
        { subject: 'key:k2', keptUntilMs: null },
      ]),
    );
    expect(result).toEqual({ appliedBy: [stores().brokerId], missing: [] });
    for (let round = 0; round < 2; round += 1) {
      await store.commit({ kind: 'key', key: rotated }, { kind: 'key', key: other });
      expect(store.current.view.key('k1')?.secrets).toEqual([{ hash: 'new', expiresAtMs: null }]);
      expect(store.current.view.key('k2')).toBeUndefined();
      expect([...store.current.view.keys()].map(({ id }) => id)).toEqual(['k1']);
      expect(store.current.view.isRevoked('key:k2')).toBe(true);
      expect(store.current.view.isRevoked('secret:old')).toBe(true);
      expect(store.current.view.isRevoked('key:k1')).toBe(false);
      await store.reopen();
    }
  });

  it('accepts revocations as a part of a change', async () => {
    await store.commit({ kind: 'key', key: exampleKey('k1') });
    await store.commit(
      { kind: 'revoked', revocation: { subject: 'key:k1', keptUntilMs: null } },
      { kind: 'key', key: exampleKey('k2') },
    );
    for (let round = 0; round < 2; round += 1) {
      expect([...store.current.view.keys()].map(({ id }) => id)).toEqual(['k2']);
      expect(store.current.view.isRevoked('key:k1')).toBe(true);
      await store.reopen();
    }
  });

  it('hides a key after its expiry', async () => {
    const expiresAtMs = stores().nowMs();
    await store.commit({ kind: 'key', key: exampleKey('k1', { expiresAtMs }) });
    await store.commit({ kind: 'key', key: exampleKey('k2', { expiresAtMs: expiresAtMs + 1e9 }) });
    expect(store.current.view.key('k1')).toBeUndefined();
    expect(store.current.view.key('k2')).toBeDefined();
  });
}

function describeListeners(stores: () => SecurityUnderTest, store: CurrentStore): void {
  it('reports each change after the view has it, under another version', async () => {
    const seen: unknown[] = [];
    let lastVersion = store.current.view.version;
    const stop = store.current.onChange((changes) => {
      expect(store.current.view.version).not.toBe(lastVersion);
      lastVersion = store.current.view.version;
      seen.push(changes);
    });
    const change = { kind: 'acls-added', acls: [exampleAcl()] } as const;
    await store.commit(change);
    const revocation = { subject: 'key:k1', keptUntilMs: null };
    await stores().whileTimePasses(store.current.revoke([revocation]));
    await stores().whileTimePasses(store.current.revoke([revocation]));
    stop();
    await store.commit({ kind: 'acls-removed', acls: [exampleAcl()] });
    expect(seen).toEqual([[change], [{ kind: 'revoked', revocation }]]);
  });
}
