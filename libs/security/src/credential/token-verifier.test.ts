import { setImmediate } from 'node:timers/promises';
import { calculateJwkThumbprint, exportSPKI, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it } from 'vitest';
import { FakeClock, RecordingLogger } from '#runtime/testing';
import { TokenIssuer } from '../testing/token-issuer.js';
import { type FetchJson, isSafeUrl, KeySet } from './key-set.js';
import { TokenVerifier } from './token-verifier.js';

const ISSUER = 'https://login.example.com';
const AUDIENCE = 'sluice';
const MAX_AGE_MS = 600_000;
const COOLDOWN_MS = 30_000;

let issuer: TokenIssuer;

beforeAll(async () => {
  issuer = new TokenIssuer(ISSUER);
  await issuer.addKey('rsa', 'RS256');
  await issuer.addKey('ec', 'ES256');
});

describe('tokens', () => {
  it.each([
    ['rsa', 'RS256'],
    ['ec', 'ES256'],
  ])('a token of the key %s (%s) is its principal with its groups', async (kid, alg) => {
    const { verifier, claims } = verifying({ groupsClaim: 'groups' });
    const token = await issuer.sign({ ...claims, groups: ['ops', 'dev'] }, { alg, kid });
    expect(await verifier.verify(token)).toEqual({
      principal: 'user:alice',
      groups: ['group:ops', 'group:dev'],
      expiresAtMs: (claims.exp + 30) * 1000,
      issuerKey: await calculateJwkThumbprint(issuer.publicKey(kid)),
    });
  });

  it('attack: a token without a signature (algorithm none) is not valid', async () => {
    const { verifier, claims } = verifying();
    expect(await verifier.verify(new UnsecuredJWT(claims).encode())).toBeUndefined();
  });

  it('attack: a token signed as HS256 with the public key is not valid', async () => {
    const { verifier, claims } = verifying();
    const secret = Buffer.from(await exportSPKI(issuer.publicKey('rsa')));
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'rsa' })
      .sign(secret);
    expect(await verifier.verify(forged)).toBeUndefined();
  });

  it('attack: a symmetric key in the key set verifies nothing', async () => {
    const secret = Buffer.from('a secret that the key set tells everyone');
    const { verifier, claims } = verifying({
      fetchJson: async () => ({
        keys: [{ kty: 'oct', kid: 'oct', alg: 'HS256', k: secret.toString('base64url') }],
      }),
    });
    const forged = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid: 'oct' })
      .sign(secret);
    expect(await verifier.verify(forged)).toBeUndefined();
  });

  it.each(['../../../dev/null', "x' OR '1'='1", 'http://evil.example/key', '__proto__', ''])(
    'attack: a token whose kid is %j is not valid',
    async (kid) => {
      const { verifier, claims } = verifying();
      const forger = new TokenIssuer(ISSUER);
      await forger.addKey(kid, 'ES256');
      expect(await verifier.verify(await forger.sign(claims, { alg: 'ES256', kid }))).toBe(
        undefined,
      );
    },
  );

  it('attack: a key that the token itself carries is not used', async () => {
    const { verifier, claims } = verifying();
    const forger = new TokenIssuer(ISSUER);
    await forger.addKey('rsa', 'RS256');
    const [jwk] = (await forger.keySet()).keys;
    const header = { alg: 'RS256', kid: 'rsa', jku: 'https://evil.example/keys', jwk: jwk ?? {} };
    expect(await verifier.verify(await forger.sign(claims, header))).toBeUndefined();
  });

  it('attack: a key of one algorithm does not verify another one', async () => {
    const { verifier, claims } = verifying();
    const forger = new TokenIssuer(ISSUER);
    await forger.addKey('rsa', 'ES256');
    expect(await verifier.verify(await forger.sign(claims, { alg: 'ES256', kid: 'rsa' }))).toBe(
      undefined,
    );
  });

  it.each<[string, (claims: TestClaims) => JWTPayload]>([
    ['it expired more than 30 s ago', (claims) => ({ ...claims, exp: claims.iat - 30 })],
    ['it never expires', (claims) => without(claims, 'exp')],
    ['it is not valid for another 31 s', (claims) => ({ ...claims, nbf: claims.iat + 31 })],
    ['it is for another audience', (claims) => ({ ...claims, aud: 'billing' })],
    ['it is for no audience', (claims) => without(claims, 'aud')],
    ['it is of another issuer', (claims) => ({ ...claims, iss: `${ISSUER}/` })],
    ['it is of no issuer', (claims) => without(claims, 'iss')],
    ['it names nobody', (claims) => without(claims, 'sub')],
    ['its name is empty', (claims) => ({ ...claims, sub: '' })],
    ['its name is "anonymous"', (claims) => ({ ...claims, sub: 'anonymous' })],
    ['its name is "*"', (claims) => ({ ...claims, sub: '*' })],
    ['its name has a line feed', (claims) => ({ ...claims, sub: 'alice\nbob' })],
    ['one of its groups is "*"', (claims) => ({ ...claims, groups: ['*'] })],
    ['one of its groups is not text', (claims) => ({ ...claims, groups: [1] as unknown[] })],
    ['it has 65 groups', (claims) => ({ ...claims, groups: manyGroups(65) })],
  ])('a token is not valid if %s', async (_why, change) => {
    const { verifier, claims } = verifying({ groupsClaim: 'groups' });
    const token = await issuer.sign(change(claims), { alg: 'RS256', kid: 'rsa' });
    expect(await verifier.verify(token)).toBeUndefined();
  });

  it('a token of another purpose is not valid, an access token is', async () => {
    const { verifier, claims } = verifying();
    const header = { alg: 'RS256', kid: 'rsa' };
    const logout = await issuer.sign(claims, { ...header, typ: 'logout+jwt' });
    const access = await issuer.sign(claims, { ...header, typ: 'at+jwt' });
    expect(await verifier.verify(logout)).toBeUndefined();
    expect(await verifier.verify(access)).toMatchObject({ principal: 'user:alice' });
  });

  it('clocks may differ by 30 s, and 64 groups are accepted', async () => {
    const { verifier, claims } = verifying({ groupsClaim: 'groups' });
    const skewed = { ...claims, exp: claims.iat - 29, nbf: claims.iat + 29 };
    const token = await issuer.sign(
      { ...skewed, groups: manyGroups(64) },
      { alg: 'RS256', kid: 'rsa' },
    );
    expect((await verifier.verify(token))?.groups).toHaveLength(64);
  });

  it('a time beyond all dates is shortened to the last one', async () => {
    const { verifier, claims } = verifying();
    const token = await issuer.sign({ ...claims, exp: 1e300 }, { alg: 'RS256', kid: 'rsa' });
    expect((await verifier.verify(token))?.expiresAtMs).toBe(8.64e15);
  });

  it('a nested claim is named by its path', async () => {
    const { verifier, claims } = verifying({ groupsClaim: 'realm_access.roles' });
    const token = await issuer.sign(
      { ...claims, realm_access: { roles: ['ops'] } },
      { alg: 'RS256', kid: 'rsa' },
    );
    expect((await verifier.verify(token))?.groups).toEqual(['group:ops']);
  });

  it('a verified token is remembered until it expires', async () => {
    const { verifier, claims, clock } = verifying();
    const token = await issuer.sign(claims, { alg: 'RS256', kid: 'rsa' });
    const first = await verifier.verify(token);
    expect(await verifier.verify(token)).toBe(first);
    clock.advance((claims.exp - claims.iat + 30) * 1000);
    expect(await verifier.verify(token)).toBeUndefined();
    expect(verifier.rememberedCount).toBe(0);
  });

  it('at most the set number of tokens is remembered', async () => {
    const { verifier, claims } = verifying({ rememberedMax: 2 });
    for (const sub of ['a', 'b', 'c']) {
      await verifier.verify(await issuer.sign({ ...claims, sub }, { alg: 'RS256', kid: 'rsa' }));
    }
    expect(verifier.rememberedCount).toBeLessThanOrEqual(2);
  });
});

describe('the key set of the issuer', () => {
  it('a withdrawn key is refused after the greatest age, also for a remembered token', async () => {
    const rotating = new TokenIssuer(ISSUER);
    await rotating.addKey('old', 'ES256');
    const { verifier, claims, clock } = verifying({ fetchJson: () => rotating.keySet() });
    const token = await rotating.sign(
      { ...claims, exp: claims.iat + 86_400 },
      { alg: 'ES256', kid: 'old' },
    );
    expect(await verifier.verify(token)).toBeDefined();
    rotating.withdrawKey('old');
    clock.advance(MAX_AGE_MS - 1);
    expect(await verifier.verify(token)).toBeDefined();
    clock.advance(1);
    expect(await verifier.verify(token)).toBeUndefined();
  });

  it('attack: a key that is withdrawn is known as such while someone asks', async () => {
    const rotating = new TokenIssuer(ISSUER);
    await rotating.addKey('stolen', 'ES256');
    await rotating.addKey('kept', 'ES256');
    let isOut = false;
    const { verifier, claims, clock } = verifying({
      fetchJson: async () => {
        if (isOut) throw new Error('no route');
        return rotating.keySet();
      },
    });
    const token = await rotating.sign(claims, { alg: 'ES256', kid: 'stolen' });
    const { issuerKey = '' } = (await verifier.verify(token)) ?? {};
    const keptKey = await calculateJwkThumbprint(rotating.publicKey('kept'));
    rotating.withdrawKey('stolen');
    isOut = true;
    clock.advance(MAX_AGE_MS);
    expect(verifier.issuerKeys.isWithdrawn(issuerKey)).toBe(false);
    // Nobody can tell while the issuer is out of reach: what is open goes on.
    await setImmediate();
    isOut = false;
    clock.advance(1000);
    await expect.poll(() => verifier.issuerKeys.isWithdrawn(issuerKey)).toBe(true);
    expect(verifier.issuerKeys.isWithdrawn(keptKey)).toBe(false);
  });

  it('attack: a remembered token is refused once its key is known to be withdrawn', async () => {
    const rotating = new TokenIssuer(ISSUER);
    await rotating.addKey('stolen', 'ES256');
    await rotating.addKey('kept', 'ES256');
    const { verifier, claims, clock } = verifying({ fetchJson: () => rotating.keySet() });
    const long = { ...claims, exp: claims.iat + 3600 };
    const token = await rotating.sign(long, { alg: 'ES256', kid: 'stolen' });
    expect(await verifier.verify(token)).toBeDefined();
    rotating.withdrawKey('stolen');
    clock.advance(MAX_AGE_MS / 2);
    await verifier.verify(await rotating.sign(long, { alg: 'ES256', kid: 'kept' }));
    await expect.poll(() => verifier.verify(token)).toBeUndefined();
  });

  it('an unknown key is looked up again once per cooldown', async () => {
    let loads = 0;
    const rotating = new TokenIssuer(ISSUER);
    await rotating.addKey('old', 'ES256');
    const { verifier, claims, clock } = verifying({
      fetchJson: () => {
        loads += 1;
        return rotating.keySet();
      },
    });
    await verifier.verify(await rotating.sign(claims, { alg: 'ES256', kid: 'old' }));
    await rotating.addKey('new', 'ES256');
    const token = await rotating.sign(claims, { alg: 'ES256', kid: 'new' });
    for (let attempt = 0; attempt < 20; attempt += 1) {
      expect(await verifier.verify(token)).toBeUndefined();
    }
    expect(loads).toBe(1);
    clock.advance(COOLDOWN_MS);
    expect(await verifier.verify(token)).toMatchObject({ principal: 'user:alice' });
    expect(loads).toBe(2);
  });

  it('out of reach is not a fault of the token, and is tried again after a second', async () => {
    let isOut = true;
    const { verifier, claims, clock, log } = verifying({
      fetchJson: async () => {
        if (isOut) throw new Error('no route');
        return issuer.keySet();
      },
    });
    const token = await issuer.sign(claims, { alg: 'RS256', kid: 'rsa' });
    const outOfReach = { code: 'BROKER_NOT_AVAILABLE', outcome: 'failed' };
    await expect(verifier.verify(token)).rejects.toMatchObject(outOfReach);
    isOut = false;
    await expect(verifier.verify(token)).rejects.toMatchObject(outOfReach);
    clock.advance(1000);
    expect(await verifier.verify(token)).toMatchObject({ principal: 'user:alice' });
    expect(log.lines).toHaveLength(1);
  });

  it('keys that cannot be loaded again are used until they are too old', async () => {
    let isOut = false;
    const { verifier, claims, clock } = verifying({
      fetchJson: async () => {
        if (isOut) throw new Error('no route');
        return issuer.keySet();
      },
    });
    const another = (sub: string) =>
      issuer.sign({ ...claims, sub, exp: claims.iat + 3600 }, { alg: 'RS256', kid: 'rsa' });
    await verifier.verify(await another('a'));
    isOut = true;
    clock.advance(MAX_AGE_MS - 1);
    expect(await verifier.verify(await another('b'))).toBeDefined();
    clock.advance(1001);
    await expect(verifier.verify(await another('c'))).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
    });
  });

  it('lets only so many tokens wait for it', async () => {
    let answer: (keys: unknown) => void = () => undefined;
    const keys = new Promise<unknown>((resolve) => {
      answer = resolve;
    });
    const { verifier, claims } = verifying({ fetchJson: () => keys });
    const token = await issuer.sign(claims, { alg: 'RS256', kid: 'rsa' });
    const settled = Promise.allSettled(Array.from({ length: 1100 }, () => verifier.verify(token)));
    answer(await issuer.keySet());
    const results = await settled;
    const refused = results.filter(({ status }) => status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(100);
    for (const { reason } of refused as readonly PromiseRejectedResult[]) {
      expect(reason).toMatchObject({
        code: 'BROKER_NOT_AVAILABLE',
        outcome: 'failed',
        message: expect.stringContaining('1000 tokens wait'),
      });
    }
    const answered = results.filter(({ status }) => status === 'fulfilled');
    expect(answered.every((result) => 'value' in result && result.value !== undefined)).toBe(true);
  });

  it('is discovered from the issuer, unless the document is of another one', async () => {
    const urls: string[] = [];
    const documents: Record<string, unknown> = { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` };
    const fetchJson = async (url: string): Promise<unknown> => {
      urls.push(url);
      return url.endsWith('configuration') ? documents : issuer.keySet();
    };
    const { verifier, claims } = verifying({ fetchJson, jwksUrl: undefined });
    const token = await issuer.sign(claims, { alg: 'RS256', kid: 'rsa' });
    expect(await verifier.verify(token)).toBeDefined();
    expect(urls).toEqual([`${ISSUER}/.well-known/openid-configuration`, `${ISSUER}/keys`]);

    documents['jwks_uri'] = 'http://keys.example/keys';
    const unsafe = verifying({ fetchJson, jwksUrl: undefined });
    await expect(unsafe.verifier.verify(token)).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
    });
    expect(urls).not.toContain('http://keys.example/keys');

    documents['issuer'] = 'https://evil.example';
    const other = verifying({ fetchJson, jwksUrl: undefined });
    await expect(other.verifier.verify(token)).rejects.toMatchObject({
      code: 'BROKER_NOT_AVAILABLE',
    });
  });

  it.each([null, 'text', {}, { keys: {} }, { keys: Array.from({ length: 101 }, () => ({})) }])(
    'a document that is not a key set is out of reach: %j',
    async (document) => {
      const { verifier } = verifying({ fetchJson: async () => document });
      await expect(verifier.verify('AAAA.AAAA.AAAA')).rejects.toMatchObject({
        code: 'BROKER_NOT_AVAILABLE',
      });
    },
  );

  it('is read by https, or by http from this machine', () => {
    const accepted = ['https://a.example/k', 'http://127.0.0.1:1/k', 'http://[::1]/k'];
    const refused = [
      'http://a.example/k',
      'http://127.0.0.1.evil/k',
      'ftp://a',
      'x',
      'https://u:p@a',
    ];
    expect(accepted.every(isSafeUrl)).toBe(true);
    expect(refused.some(isSafeUrl)).toBe(false);
  });
});

type TestClaims = JWTPayload & { readonly iat: number; readonly exp: number };

interface VerifyingOptions {
  readonly fetchJson?: FetchJson;
  readonly jwksUrl?: undefined;
  readonly groupsClaim?: string;
  readonly rememberedMax?: number;
}

/** A verifier with claims that it accepts. */
function verifying(options: VerifyingOptions = {}) {
  const clock = new FakeClock();
  const log = new RecordingLogger();
  const fetchJson = options.fetchJson ?? (() => issuer.keySet());
  const jwksUrl = 'jwksUrl' in options ? undefined : `${ISSUER}/keys`;
  const keys = new KeySet(
    { issuer: ISSUER, jwksUrl, maxAgeMs: MAX_AGE_MS, cooldownMs: COOLDOWN_MS },
    { fetchJson, clock, logger: log },
  );
  const { groupsClaim, rememberedMax = 100 } = options;
  const names = { principalClaim: 'sub', groupsClaim };
  const verifier = new TokenVerifier(
    { issuer: ISSUER, audiences: [AUDIENCE], rememberedMax, ...names },
    keys,
    clock,
  );
  const iat = Math.floor(clock.nowMs() / 1000);
  const claims: TestClaims = { iss: ISSUER, aud: AUDIENCE, sub: 'alice', iat, exp: iat + 300 };
  return { verifier, claims, clock, log };
}

function without(claims: TestClaims, name: keyof TestClaims): JWTPayload {
  return Object.fromEntries(Object.entries(claims).filter(([each]) => each !== name));
}

function manyGroups(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `g${index}`);
}
