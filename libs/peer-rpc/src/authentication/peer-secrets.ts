import { createHmac, timingSafeEqual } from 'node:crypto';

const KEY_PURPOSE = 'sluice private listener';

/** A statement that a broker proves to know the secret with; no two purposes have the same form. */
export type Statement = readonly [
  purpose: 'channel' | 'hello' | 'welcome' | 'session' | 'refusal' | 'registration',
  ...parts: (string | number)[],
];

/**
 * The cluster secret, and the one before it while it is replaced. A proof is an HMAC-SHA256 of a
 * statement under a key that is derived from the secret, so that the secret itself is never sent.
 */
export class PeerSecrets {
  readonly #keys: readonly Buffer[];

  /** @param secrets the secret in use, then those that are still accepted */
  constructor(secrets: readonly string[]) {
    this.#keys = secrets.map((secret) => hmac(secret, KEY_PURPOSE));
  }

  /** Proofs of a statement under every secret, separated by spaces. */
  proofs(statement: Statement): string {
    return this.#keys.map((key) => proofOf(key, statement).toString('base64url')).join(' ');
  }

  /**
   * Compares in constant time, so that an attacker learns nothing about a partial match.
   * @returns the number of the secret under which one of the proofs is right; undefined if none is
   */
  provenBy(statement: Statement, proofs: string | undefined): number | undefined {
    const given = (proofs ?? '').split(' ', 2).map((proof) => Buffer.from(proof, 'base64url'));
    const index = this.#keys.findIndex((key) => {
      const expected = proofOf(key, statement);
      return given.some((proof) => isSame(proof, expected));
    });
    return index < 0 ? undefined : index;
  }

  /** A key of 32 bytes that only brokers with this secret can derive. */
  derivedKey(secret: number, statement: Statement): Buffer {
    return proofOf(this.#keys[secret] ?? Buffer.alloc(0), statement);
  }
}

function proofOf(key: Buffer, statement: Statement): Buffer {
  return hmac(key, JSON.stringify(statement));
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function isSame(left: Buffer, right: Buffer): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
