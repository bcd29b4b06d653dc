import { createHmac, timingSafeEqual } from 'node:crypto';

/** The key of the signatures is derived from the secret, which has other uses as well. */
const KEY_PURPOSE = 'sluice security metadata';

/** A value that is signed: its purpose, and everything that must not be exchanged. */
export type SignedValue = readonly [
  purpose: 'commit' | 'snapshot' | 'chunk' | 'view' | 'revocation',
  ...parts: (string | number | null)[],
];

/**
 * Signatures of the brokers of one cluster on what they write to Redis: an HMAC-SHA256 under the
 * cluster secret. A user of Redis who does not know the secret can remove metadata, which is
 * noticed and repaired, but can add none.
 */
export class SecuritySignatures {
  readonly #clusterUuid: string;
  readonly #keys: readonly Buffer[];

  /** @param secrets the secret that signs, then those that are accepted as well */
  constructor(clusterUuid: string, secrets: readonly [string, ...string[]]) {
    this.#clusterUuid = clusterUuid;
    this.#keys = secrets.map((secret) => createHmac('sha256', secret).update(KEY_PURPOSE).digest());
  }

  sign(value: SignedValue): string {
    const [key] = this.#keys;
    return this.#signature(key ?? Buffer.alloc(0), value).toString('base64url');
  }

  /** Compares in constant time. */
  isSigned(value: SignedValue, signature: unknown): boolean {
    if (typeof signature !== 'string') return false;
    const given = Buffer.from(signature, 'base64url');
    return this.#keys.some((key) => {
      const expected = this.#signature(key, value);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  #signature(key: Buffer, value: SignedValue): Buffer {
    const text = JSON.stringify([this.#clusterUuid, ...value]);
    return createHmac('sha256', key).update(text).digest();
  }
}
