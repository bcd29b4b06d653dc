import { describe, expect, it } from 'vitest';
import { SystemRandom } from '#runtime';
import type { ApiKey } from '../metadata/security-change.js';
import {
  formatApiKey,
  hashSecret,
  matchingSecret,
  newKeyId,
  newKeySecret,
  parseApiKey,
} from './api-key.js';

const random = new SystemRandom();
const NOW_MS = 1_750_000_000_000;

describe('API keys', () => {
  it('a new key has 256 secret bits and is parsed into its parts', () => {
    const id = newKeyId(random);
    const secret = newKeySecret(random);
    expect(id).toMatch(/^[a-z2-7]{16}$/);
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
    expect(parseApiKey(formatApiKey({ id, secret }))).toEqual({ id, secret });
    expect(newKeyId(random)).not.toBe(id);
    expect(newKeySecret(random)).not.toBe(secret);
  });

  it.each([
    ['', 'nothing'],
    ['id', 'no secret'],
    ['id.short', 'a short secret'],
    [`.${'s'.repeat(32)}`, 'no id'],
    [`id.${'s'.repeat(129)}`, 'a long secret'],
    [`${'i'.repeat(65)}.${'s'.repeat(32)}`, 'a long id'],
    [`a.b.${'s'.repeat(32)}`, 'two dots'],
    [`id.${'s'.repeat(32)}\n`, 'a line feed at the end'],
    [`id.${'s'.repeat(31)}é`, 'a letter outside of the alphabet'],
  ])('a text that is not a key is not parsed: %j (%s)', (text) => {
    expect(parseApiKey(text)).toBeUndefined();
  });

  it('the newest secret matches, and the one before it until the overlap ends', () => {
    const key = keyOf([
      { hash: hashSecret('new'), expiresAtMs: null },
      { hash: hashSecret('old'), expiresAtMs: NOW_MS },
    ]);
    expect(matchingSecret('new', key, NOW_MS)).toBe(key.secrets[0]);
    expect(matchingSecret('old', key, NOW_MS - 1)).toBe(key.secrets[1]);
    expect(matchingSecret('old', key, NOW_MS)).toBeUndefined();
    expect(matchingSecret('other', key, NOW_MS)).toBeUndefined();
  });

  it('an unknown key and a damaged hash match nothing', () => {
    expect(matchingSecret('any', undefined, NOW_MS)).toBeUndefined();
    const damaged = keyOf([{ hash: '', expiresAtMs: null }]);
    expect(matchingSecret('', damaged, NOW_MS)).toBeUndefined();
  });
});

function keyOf(secrets: ApiKey['secrets']): ApiKey {
  return { id: 'id', name: 'test', groups: [], createdAtMs: 0, expiresAtMs: null, secrets };
}
