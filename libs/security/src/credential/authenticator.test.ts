import { beforeEach, describe, expect, it } from 'vitest';
import { SystemRandom } from '#runtime';
import { FakeClock } from '#runtime/testing';
import { ApiKeys } from '../administration/api-keys.js';
import type { Access } from '../caller.js';
import type { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { openMetadata } from '../testing/open-metadata.js';
import { Authenticator, type AuthenticatorOptions } from './authenticator.js';
import { parseBearer } from './authorization.js';

const ROOT = { id: 'root', secret: 'r'.repeat(43) };
const REFUSED = expect.objectContaining({
  code: 'SASL_AUTHENTICATION_FAILED',
  message: 'The credential is not accepted.',
});

let clock: FakeClock;
let metadata: EmbeddedSecurity;
let keys: ApiKeys;

beforeEach(async () => {
  clock = new FakeClock();
  metadata = await openMetadata(clock);
  keys = new ApiKeys(metadata, { clock, random: new SystemRandom() }, { expiredKeptMs: 1000 });
});

function authenticated(text: string, options: Partial<AuthenticatorOptions> = {}): Access {
  const all = {
    superUsers: [],
    bootstrapKeys: [ROOT],
    anonymous: 'off',
    authStaleMs: 60_000,
    ...options,
  } as const;
  const authenticator = new Authenticator(all, metadata, clock);
  return authenticator.authenticate(text === '' ? { kind: 'none' } : parseBearer(text)) as Access;
}

function create(expiresAtMs: number | null = null): ReturnType<ApiKeys['create']> {
  return keys.create({ name: 'test', groups: ['dev'], expiresAtMs });
}

describe('Authenticator', () => {
  it('knows the bootstrap keys as super users, two secrets of one id while it is rotated', () => {
    const rotated = { id: 'root', secret: 'n'.repeat(43) };
    const bootstrapKeys = [ROOT, rotated];
    for (const { id, secret } of bootstrapKeys) {
      const { caller } = authenticated(`${id}.${secret}`, { bootstrapKeys });
      expect(caller).toMatchObject({ principal: 'key:root', isSuperUser: true });
    }
    expect(() => authenticated(`root.${'x'.repeat(43)}`)).toThrow(REFUSED);
  });

  it('knows an API key by its secret, with its groups and its expiry', async () => {
    const { key, text } = await create(clock.nowMs() + 1000);
    expect(authenticated(text).caller).toEqual({
      principal: `key:${key.id}`,
      groups: ['group:dev'],
      isSuperUser: false,
      credential: { kind: 'key', id: key.id, secretHash: key.secrets[0]?.hash },
      expiresAtMs: clock.nowMs() + 1000,
    });
    expect(authenticated(text, { superUsers: [`key:${key.id}`] }).caller.isSuperUser).toBe(true);
  });

  it('has one access for all who present the same secret, until its key changes', async () => {
    const options = { superUsers: [], bootstrapKeys: [ROOT], anonymous: 'off' } as const;
    const authenticator = new Authenticator({ ...options, authStaleMs: 60_000 }, metadata, clock);
    const accessOf = (text: string) => authenticator.authenticate(parseBearer(text)) as Access;
    const { key, text } = await create();
    const other = await create();
    const first = accessOf(text);

    expect(accessOf(text)).toBe(first);
    expect(accessOf(other.text)).not.toBe(first);
    expect(accessOf(`root.${ROOT.secret}`)).toBe(accessOf(`root.${ROOT.secret}`));

    const rotated = await keys.rotate(key.id, 1000);
    const [before, after] = [accessOf(text), accessOf(rotated.text)];
    expect(before).not.toBe(first);
    expect(before.caller.expiresAtMs).toBe(clock.nowMs() + 1000);
    expect(after).not.toBe(before);
    expect(after.caller.expiresAtMs).toBeNull();
  });

  it('refuses an unknown, a wrong, an expired and a revoked key with the same error', async () => {
    const expiring = await create(clock.nowMs() + 1000);
    const revoked = await create();
    await keys.revoke(revoked.key.id);
    clock.advance(1000);
    const wrong = `${(await create()).key.id}.${'x'.repeat(43)}`;
    for (const text of [
      `nobody.${'x'.repeat(43)}`,
      wrong,
      expiring.text,
      revoked.text,
      'x',
      'a.b.c',
    ]) {
      expect(() => authenticated(text), text).toThrow(REFUSED);
    }
  });

  it('accepts both secrets of a rotated key until the overlap ends', async () => {
    const { key, text } = await create();
    const rotated = await keys.rotate(key.id, 5000);
    expect(rotated.key.id).toBe(key.id);
    expect(authenticated(text).caller.expiresAtMs).toBe(clock.nowMs() + 5000);
    expect(authenticated(rotated.text).caller.expiresAtMs).toBeNull();
    clock.advance(5000);
    expect(() => authenticated(text)).toThrow(REFUSED);
    expect(authenticated(rotated.text).invalidity()).toBeUndefined();
  });

  it('refuses a secret that was rotated away without an overlap', async () => {
    const { key, text } = await create();
    const access = authenticated(text);
    await keys.rotate(key.id, 0);
    expect(access.invalidity()).toBe('revoked');
    expect(() => authenticated(text)).toThrow(REFUSED);
  });

  it('needs a credential unless anonymous callers are allowed', () => {
    expect(() => authenticated('')).toThrow(
      expect.objectContaining({ code: 'SASL_AUTHENTICATION_FAILED' }),
    );
    const { caller } = authenticated('', { anonymous: 'on' });
    expect(caller).toMatchObject({ principal: 'user:anonymous', isSuperUser: false });
  });

  it('refuses keys from the moment on at which the last contact is too long ago', async () => {
    const { text } = await create();
    let contactMs = clock.monotonicMs();
    const isolated = Object.create(metadata, {
      view: { value: metadata.view },
      staleMs: { get: () => clock.monotonicMs() - contactMs },
    }) as EmbeddedSecurity;
    const options = { superUsers: [], bootstrapKeys: [ROOT], anonymous: 'off' } as const;
    const authenticator = new Authenticator({ ...options, authStaleMs: 1000 }, isolated, clock);
    const identify = (): unknown => authenticator.authenticate(parseBearer(text));
    const stale = expect.objectContaining({ code: 'BROKER_NOT_AVAILABLE' });
    const opened = (await identify()) as Access;
    clock.advance(1000);
    identify();
    expect(opened.invalidity()).toBeUndefined();
    clock.advance(1);
    expect(identify).toThrow(stale);
    expect(opened.invalidity()).toBe('unconfirmed');
    contactMs = clock.monotonicMs() - 400;
    identify();
    expect(opened.invalidity()).toBeUndefined();
    clock.advance(601);
    expect(identify).toThrow(stale);
  });
});
