import { expect, test } from 'vitest';
import { silentLogger } from '#runtime';
import { FakeClock, FakeDisk, SeededRandom } from '#runtime/testing';
import { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { TokenIssuer } from '../testing/token-issuer.js';
import { hashSecret, newKeySecret } from './api-key.js';
import { Authenticator } from './authenticator.js';
import { type PresentedCredential, parseBearer, presentedCredential } from './authorization.js';
import { KeySet } from './key-set.js';
import { TokenVerifier } from './token-verifier.js';

const SEED = 20_261_130;
const MUTATIONS = 100_000;
/** Tokens cost a signature each: a tenth of the mutations are of them. */
const TOKEN_SHARE = 10;
const LETTERS = 'ABCxyz0189-_.~+/= ,:;"%\\\t\0\u00e9\ud800{}';
const ISSUER = 'https://login.example.com';

test('no mutated key, token or header is accepted, and none fails in another way than the wrong one', {
  timeout: 600_000,
}, async () => {
  const random = new SeededRandom(SEED);
  const { authenticator, keys, tokens } = await accepting(random);
  const faults: string[] = [];
  for (let turn = 0; turn < MUTATIONS; turn += 1) {
    const originals = turn % TOKEN_SHARE === 0 ? tokens : keys;
    const original = originals[random.below(originals.length)] as string;
    const mutated = mutatedText(original, random);
    const credential = presented(mutated, random);
    // Any number of spaces may follow the scheme (RFC 9110, section 11.4): they change nothing.
    if (originals.includes(mutated.trimStart())) continue;
    const fault = await faultOf(authenticator, credential);
    if (fault !== undefined) faults.push(`${JSON.stringify(mutated)}: ${fault}`);
  }
  expect(faults, `seed ${SEED}`).toEqual([]);
});

/** Presents a text as the header of a request, or as the token of a message. */
function presented(text: string, random: SeededRandom): PresentedCredential {
  switch (random.below(4)) {
    case 0:
      return parseBearer(text);
    case 1:
      return presentedCredential(['Authorization', `Basic ${base64Of(text)}`]);
    case 2:
      return presentedCredential(['aUTHORIZATION', `bearer ${text}`]);
    default:
      return presentedCredential(['Host', 'x', 'Authorization', `Bearer  ${text}`, 'Accept', '*']);
  }
}

/** Returns what went wrong; undefined if the credential was refused as it must be. */
async function faultOf(
  authenticator: Authenticator,
  credential: PresentedCredential,
): Promise<string | undefined> {
  try {
    const { caller } = await authenticator.authenticate(credential);
    return `accepted as ${caller.principal}`;
  } catch (error) {
    const { code } = Object(error) as { readonly code?: unknown };
    return code === 'SASL_AUTHENTICATION_FAILED' ? undefined : String(error);
  }
}

function mutatedText(text: string, random: SeededRandom): string {
  let mutated = text;
  for (let count = 1 + random.below(3); count > 0; count -= 1)
    mutated = mutatedOnce(mutated, random);
  return mutated;
}

function mutatedOnce(text: string, random: SeededRandom): string {
  const at = random.below(text.length + 1);
  const letter = LETTERS[random.below(LETTERS.length)] as string;
  switch (random.below(7)) {
    case 0:
      return text.slice(0, at) + letter + text.slice(at);
    case 1:
      return text.slice(0, at) + text.slice(at + 1);
    case 2:
      return text.slice(0, at) + letter + text.slice(at + 1);
    case 3:
      return text.slice(0, at);
    case 4:
      return text + text.slice(at);
    case 5:
      return text.slice(at) + text.slice(0, at);
    default:
      return text.slice(0, at) + text.slice(at).toUpperCase();
  }
}

function base64Of(text: string): string {
  return Buffer.from(text.replace('.', ':')).toString('base64');
}

/** An authenticator, with keys and tokens that it accepts. */
async function accepting(random: SeededRandom) {
  const clock = new FakeClock();
  const fileSystem = new FakeDisk();
  await fileSystem.makeDirectory('data');
  const limits = { apiKeysMax: 10, aclsMax: 10, quotasMax: 10, aclsPerChangeMax: 10 };
  const ports = { dataDir: 'data', fileSystem, clock, random, logger: silentLogger };
  const metadata = await EmbeddedSecurity.open({ ...ports, brokerId: 1, limits });
  const secret = newKeySecret(random);
  const secrets = [{ hash: hashSecret(secret), expiresAtMs: null }];
  const key = { id: 'team-a', name: 'a', groups: [], createdAtMs: 0, expiresAtMs: null, secrets };
  await metadata.update(() => [{ kind: 'key', key }]);
  const issuer = new TokenIssuer(ISSUER);
  await issuer.addKey('k1', 'ES256');
  const keySet = new KeySet(
    { issuer: ISSUER, jwksUrl: `${ISSUER}/keys`, maxAgeMs: 600_000, cooldownMs: 30_000 },
    { fetchJson: () => issuer.keySet(), clock, logger: silentLogger },
  );
  const names = { principalClaim: 'sub', groupsClaim: undefined };
  const verifier = new TokenVerifier(
    { issuer: ISSUER, audiences: ['sluice'], rememberedMax: 100, ...names },
    keySet,
    clock,
  );
  const bootstrapKeys = [{ id: 'root', secret: newKeySecret(random) }];
  const authenticator = new Authenticator(
    { superUsers: [], bootstrapKeys, anonymous: 'off', authStaleMs: 60_000 },
    metadata,
    clock,
    verifier,
  );
  const exp = Math.floor(clock.nowMs() / 1000) + 300;
  const claims = { iss: ISSUER, aud: 'sluice', sub: 'alice', exp };
  const token = await issuer.sign(claims, { alg: 'ES256', kid: 'k1' });
  const keys = [`team-a.${secret}`, `root.${bootstrapKeys[0]?.secret}`];
  for (const text of [...keys, token]) {
    await authenticator.authenticate(parseBearer(text));
  }
  return { authenticator, keys, tokens: [token] };
}
