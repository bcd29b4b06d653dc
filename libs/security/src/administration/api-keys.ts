import { ProtocolError } from '#protocol';
import { assert, type Clock, type SecretRandom } from '#runtime';
import { formatApiKey, hashSecret, newKeyId, newKeySecret } from '../credential/api-key.js';
import type { ApiKey, SecurityChange } from '../metadata/security-change.js';
import type {
  RevocationResult,
  SecurityMetadata,
  SecurityView,
} from '../metadata/security-metadata.js';

/** A request for a new key. */
export interface NewApiKeyRequest {
  readonly name: string;
  /** Names of groups, without `group:`. */
  readonly groups: readonly string[];
  /** Time from which the key is not accepted, in ms since the epoch; null for none. */
  readonly expiresAtMs: number | null;
}

/** A key with the text that clients present, which is known only now. */
export interface IssuedApiKey {
  readonly key: ApiKey;
  readonly text: string;
}

/** The outside world of the keys. */
export interface ApiKeysPorts {
  readonly clock: Clock;
  readonly random: SecretRandom;
}

export interface ApiKeysOptions {
  /** Time for which an expired key stays in the list, ms. */
  readonly expiredKeptMs: number;
}

/** Time between two examinations of all keys, ms. */
const EXAMINED_EVERY_MS = 60 * 60 * 1000;

/** A page of the list of keys. */
export interface ApiKeyPage {
  readonly keys: readonly ApiKey[];
  /** Id after which the next page begins; null at the end. */
  readonly nextAfter: string | null;
}

/** Keys that one commit removes, so that it stays small. */
const REMOVED_PER_COMMIT = 1000;

/**
 * Creates, rotates and revokes API keys. A key that expired long ago is removed when another one is
 * created: nobody can use it, but it counts as one of the keys that a cluster may have.
 *
 * Overlap: everything may overlap; the metadata decides the order.
 */
export class ApiKeys {
  readonly #metadata: SecurityMetadata;
  readonly #clock: Clock;
  readonly #random: SecretRandom;
  readonly #expiredKeptMs: number;
  /** Time before which no expired key has to be removed, in ms since the epoch. */
  #nothingToRemoveBeforeMs = 0;

  constructor(
    metadata: SecurityMetadata,
    { clock, random }: ApiKeysPorts,
    { expiredKeptMs }: ApiKeysOptions,
  ) {
    this.#metadata = metadata;
    this.#clock = clock;
    this.#random = random;
    this.#expiredKeptMs = expiredKeptMs;
  }

  /** @throws ProtocolError INVALID_REQUEST for a time in the past; POLICY_VIOLATION */
  async create({ name, groups, expiresAtMs }: NewApiKeyRequest): Promise<IssuedApiKey> {
    const nowMs = this.#clock.nowMs();
    if (expiresAtMs !== null && expiresAtMs <= nowMs) throw inThePast();
    const id = newKeyId(this.#random);
    const secret = newKeySecret(this.#random);
    const key: ApiKey = {
      id,
      name,
      groups: groups.map((group) => `group:${group}`),
      createdAtMs: nowMs,
      expiresAtMs,
      secrets: [{ hash: hashSecret(secret), expiresAtMs: null }],
    };
    await this.#metadata.update((view) => [...this.#longExpired(view), { kind: 'key', key }]);
    return { key, text: formatApiKey({ id, secret }) };
  }

  /** Returns the keys after an id, in the order of their ids. */
  list(after: string | undefined, limit: number): ApiKeyPage {
    const keys = firstById(this.#metadata.view.keys(), after, limit + 1);
    const page = keys.slice(0, limit);
    return { keys: page, nextAfter: keys.length > limit ? (page.at(-1)?.id ?? null) : null };
  }

  /**
   * Gives a key a new secret. The secret before it stays valid for a while; an older one ends now.
   * @throws ProtocolError RESOURCE_NOT_FOUND
   */
  async rotate(id: string, overlapMs: number): Promise<IssuedApiKey> {
    const secret = newKeySecret(this.#random);
    let before: ApiKey | undefined;
    let rotated: ApiKey | undefined;
    await this.#metadata.update((view) => {
      before = keyOf(view, id);
      rotated = { ...before, secrets: this.#rotated(before, secret, overlapMs) };
      return [{ kind: 'key', key: rotated }];
    });
    assert(before !== undefined && rotated !== undefined, 'an update decides before it resolves');
    await this.#revokeDropped(before, rotated);
    return { key: rotated, text: formatApiKey({ id, secret }) };
  }

  /**
   * Revokes a key for ever; one that has expired is only removed.
   * @throws ProtocolError RESOURCE_NOT_FOUND
   */
  async revoke(id: string): Promise<RevocationResult> {
    const { view } = this.#metadata;
    const key = view.knownKey(id);
    if (key === undefined) throw keyMissing(id);
    const subject = `key:${id}`;
    const result = await this.#metadata.revoke([{ subject, keptUntilMs: key.expiresAtMs }]);
    // A revocation of a key that expired a day ago or more is not kept.
    if (view.knownKey(id) !== undefined) {
      await this.#metadata.update(() => [{ kind: 'key-removed', id }]);
    }
    return result;
  }

  /** Returns the removals of keys that expired long ago; all keys are examined once an hour. */
  #longExpired(view: SecurityView): SecurityChange[] {
    const nowMs = this.#clock.nowMs();
    if (nowMs < this.#nothingToRemoveBeforeMs) return [];
    const removed: SecurityChange[] = [];
    for (const { id, expiresAtMs } of view.keys()) {
      if (expiresAtMs === null || expiresAtMs + this.#expiredKeptMs > nowMs) continue;
      removed.push({ kind: 'key-removed', id });
      if (removed.length === REMOVED_PER_COMMIT) return removed;
    }
    this.#nothingToRemoveBeforeMs = nowMs + EXAMINED_EVERY_MS;
    return removed;
  }

  /** Revokes secrets that ended: an older state of the metadata must not bring them back. */
  async #revokeDropped(before: ApiKey, { secrets, expiresAtMs }: ApiKey): Promise<void> {
    const dropped = before.secrets.filter((each) =>
      secrets.every(({ hash }) => hash !== each.hash),
    );
    if (dropped.length === 0) return;
    const keptUntilMs = expiresAtMs;
    await this.#metadata.revoke(
      dropped.map(({ hash }) => ({ subject: `secret:${hash}`, keptUntilMs })),
    );
  }

  #rotated(key: ApiKey, secret: string, overlapMs: number): ApiKey['secrets'] {
    const newest = key.secrets.find(({ expiresAtMs }) => expiresAtMs === null);
    const hash = hashSecret(secret);
    const expiresAtMs = this.#clock.nowMs() + overlapMs;
    const before = newest === undefined || overlapMs === 0 ? [] : [{ ...newest, expiresAtMs }];
    return [{ hash, expiresAtMs: null }, ...before];
  }
}

/** @throws ProtocolError RESOURCE_NOT_FOUND */
function keyOf(view: SecurityView, id: string): ApiKey {
  const key = view.key(id);
  if (key === undefined) throw keyMissing(id);
  return key;
}

function keyMissing(id: string): ProtocolError {
  return new ProtocolError('RESOURCE_NOT_FOUND', `There is no API key ${JSON.stringify(id)}.`);
}

function inThePast(): ProtocolError {
  const detail = 'must be a time in the future';
  return new ProtocolError('INVALID_REQUEST', `/expiresAt: ${detail}.`, {
    faults: [{ pointer: '/expiresAt', detail }],
  });
}

/** Returns the keys after an id with the lowest ids, in their order; sorting all would be slow. */
function firstById(keys: Iterable<ApiKey>, after: string | undefined, countMax: number): ApiKey[] {
  const first: ApiKey[] = [];
  for (const key of keys) {
    if (after !== undefined && key.id <= after) continue;
    const last = first.length === countMax ? first.at(-1) : undefined;
    if (last !== undefined && key.id > last.id) continue;
    if (last !== undefined) first.pop();
    first.splice(indexById(first, key.id), 0, key);
  }
  return first;
}

/** Returns the number of keys whose ids are below this one. */
function indexById(sorted: readonly ApiKey[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as ApiKey).id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
