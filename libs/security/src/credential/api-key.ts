import { createHash, timingSafeEqual } from 'node:crypto';
import type { SecretRandom } from '#runtime';
import type { ApiKey, KeySecret } from '../metadata/security-change.js';

/** Characters of generated ids: none needs quotes in a shell, and none begins an option. */
const ID_ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';
const ID_LENGTH = 16;
const SECRET_BYTES = 32;
const HASH_BYTES = 32;
/** A key has its newest secret, and during a rotation also the one before. */
const SECRETS_MAX = 2;
/** No secret has this hash: it is compared in place of the secrets that a key does not have. */
const NO_HASH = Buffer.alloc(HASH_BYTES);

const KEY_PATTERN = /^([A-Za-z0-9_-]{1,64})\.([A-Za-z0-9_-]{32,128})$/;

/** An id with a secret, as a client presents them. */
export interface PresentedKey {
  readonly id: string;
  readonly secret: string;
}

/** Returns a new id: 80 random bits. */
export function newKeyId(random: SecretRandom): string {
  const bytes = random.bytes(ID_LENGTH);
  return Array.from(bytes, (byte) => ID_ALPHABET[byte % ID_ALPHABET.length]).join('');
}

/** Returns a new secret: 256 random bits in base64url. */
export function newKeySecret(random: SecretRandom): string {
  return random.bytes(SECRET_BYTES).toString('base64url');
}

/** Returns the text that a client presents for the key. */
export function formatApiKey({ id, secret }: PresentedKey): string {
  return `${id}.${secret}`;
}

/** Returns undefined if the text is not an API key. */
export function parseApiKey(text: string): PresentedKey | undefined {
  const [, id, secret] = KEY_PATTERN.exec(text) ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

/** Returns the SHA-256 of a secret, in hexadecimal: the only form in which secrets are kept. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/**
 * Returns the secret of the key that was presented, or undefined. The time that it takes depends
 * neither on the key nor on the secret: an unknown key costs as much as a known one.
 * @param key undefined if no key has the presented id
 */
export function matchingSecret(
  secret: string,
  key: ApiKey | undefined,
  nowMs: number,
): KeySecret | undefined {
  const hash = createHash('sha256').update(secret).digest();
  let match: KeySecret | undefined;
  for (let index = 0; index < SECRETS_MAX; index += 1) {
    const candidate = key?.secrets[index];
    const expected = candidate === undefined ? NO_HASH : Buffer.from(candidate.hash, 'hex');
    const isEqual = expected.length === HASH_BYTES && timingSafeEqual(expected, hash);
    if (isEqual && candidate !== undefined && !hasExpired(candidate, nowMs)) match = candidate;
  }
  return match;
}

function hasExpired({ expiresAtMs }: KeySecret, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
