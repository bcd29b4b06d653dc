/**
 * The attacks of docs/operating/threats.md. For each one a defence is taken out, and the tests that
 * are said to hold it must fail.
 */
import type { Mutation } from './mutations.js';
import { REQUEST_DEFENCES } from './request-defences.js';

/** A defence that is taken out. */
export interface Defence extends Mutation {
  /** Files of tests, from the root. */
  readonly tests: readonly string[];
  /** Parts of the titles of tests, each of which must fail; none: at least one test fails. */
  readonly seenBy?: readonly string[];
  /** True if the tests start gateways: the built gateway is changed. Edits are single lines. */
  readonly isBuilt?: true;
}

const CREDENTIAL = 'libs/security/src/credential';
const TOKENS = [`${CREDENTIAL}/token-verifier.test.ts`];
const VERIFIER = 'security/src/credential/token-verifier.ts';
const REDIS = ['test/coordination/cluster-security.test.ts'];
const SIMULATION = ['test/simulation/security/security-simulation.test.ts'];
const WITHOUT_REDIS = ['test/coordination/cluster-security.slow.test.ts'];
const FORWARDED = ['libs/broker/src/cluster/forwarded-requests.test.ts'];
const OWNERS = ['libs/groups/src/coordinator/member-owners.test.ts'];

const OF_TOKENS: readonly Defence[] = [
  {
    name: 'the signature of a token is not verified',
    file: VERIFIER,
    from: 'await jwtVerify(token, keys.find, {',
    to: 'await Promise.resolve({ key: keys, ...readUnverified(token) }); void ({',
    also: [
      {
        file: VERIFIER,
        from: 'await calculateJwkThumbprint(key)',
        to: "(void key, void calculateJwkThumbprint, 'none')",
      },
      {
        file: VERIFIER,
        from: 'interface RememberedToken {',
        to:
          'const readUnverified = (token) => ({ payload: JSON.parse(atob(token.split(".")[1])),' +
          ' protectedHeader: { typ: "JWT" } });\ninterface RememberedToken {',
      },
    ],
    tests: TOKENS,
    seenBy: [
      'algorithm none',
      'HS256 with the public key',
      'a symmetric key in the key set',
      'a token whose kid is',
      'a key that the token itself carries',
      'a key of one algorithm',
    ],
  },
  {
    name: 'a token for another audience is valid',
    file: VERIFIER,
    from: 'audience: [...audiences],',
    to: 'maxTokenAge: audiences.length * 1e6,',
    tests: TOKENS,
    seenBy: ['it is for another audience', 'it is for no audience'],
  },
  {
    name: 'a token of another issuer is valid',
    file: VERIFIER,
    from: '        issuer,\n        audience',
    to: '        audience',
    tests: TOKENS,
    seenBy: ['it is of another issuer', 'it is of no issuer'],
  },
  {
    name: 'an expired token is valid',
    file: VERIFIER,
    from: 'clockTolerance: SKEW_S,',
    to: 'clockTolerance: 1e9,',
    tests: TOKENS,
    seenBy: ['it expired more than 30 s ago'],
  },
  {
    name: 'a token names anonymous or everyone',
    file: 'security/src/credential/token-claims.ts',
    from: '!RESERVED_NAMES.has(value) &&',
    to: '',
    tests: TOKENS,
    seenBy: ['its name is "anonymous"', 'its name is "*"', 'one of its groups is "*"'],
  },
  {
    name: 'a withdrawn key of the issuer goes on',
    file: 'security/src/credential/key-set.ts',
    from: 'return !loaded.thumbprints.has(thumbprint);',
    to: 'return false;',
    tests: TOKENS,
    seenBy: ['a key that is withdrawn', 'a remembered token is refused'],
  },
  {
    name: 'what a token of a withdrawn key opened goes on',
    file: 'security/src/access/rule-access.ts',
    from: 'this.#isRevoked || this.#isKeyWithdrawn()',
    to: 'this.#isRevoked',
    tests: ['libs/security/src/access/open-uses.test.ts'],
    seenBy: ['when its issuer withdraws the key'],
  },
];

const OF_TICKETS_AND_KEYS: readonly Defence[] = [
  {
    name: 'a ticket is valid twice',
    file: 'security/src/credential/tickets.ts',
    from: 'this.#forget(hash, issued);\n    return',
    to: 'return',
    tests: [`${CREDENTIAL}/tickets.test.ts`],
    seenBy: ['stands for its caller once'],
  },
  {
    name: 'a ticket of another broker is looked up here',
    file: 'security/src/credential/ticket-office.ts',
    from: 'if (issuer === this.#brokerId)',
    to: 'if (issuer >= 0)',
    tests: [`${CREDENTIAL}/ticket-office.test.ts`],
    seenBy: ['a ticket of one broker', 'a ticket whose broker gives no answer'],
  },
  {
    name: 'an expired secret of a key is valid',
    file: 'security/src/credential/api-key.ts',
    from: '&& !hasExpired(candidate, nowMs)',
    to: '&& (hasExpired(candidate, nowMs) || true)',
    tests: [`${CREDENTIAL}/api-key.test.ts`],
    seenBy: ['until the overlap ends'],
  },
  {
    name: 'failed logins are never delayed',
    file: 'security/src/credential/failed-logins.ts',
    from: 'if (over < 1 ||',
    to: 'if (over < 1000 ||',
    tests: [`${CREDENTIAL}/failed-logins.test.ts`],
    seenBy: ['the first five of an address', 'all addresses of a /64'],
  },
  {
    name: 'the addresses of a /64 are counted apart',
    file: 'security/src/credential/failed-logins.ts',
    from: 'const block = addressBlock(address);',
    to: 'const block = (void addressBlock, address);',
    tests: [`${CREDENTIAL}/failed-logins.test.ts`],
    seenBy: ['all addresses of a /64'],
  },
  {
    name: 'anyone names the address of a client',
    file: 'security/src/credential/client-address.ts',
    from: 'while (this.#isTrusted(client)) {',
    to: 'while (hops.length > 0) {',
    tests: [`${CREDENTIAL}/client-address.test.ts`],
    seenBy: ['is the address of its connection'],
  },
  {
    name: 'the last of two Authorization headers counts',
    file: 'security/src/credential/authorization.ts',
    from: 'if (value !== undefined) return MALFORMED;',
    to: '',
    tests: [`${CREDENTIAL}/authorization.test.ts`],
    seenBy: ['identifies nobody when it occurs twice'],
  },
  {
    name: 'a token of a producer is for any principal',
    file: 'security/src/credential/producer-tokens.ts',
    from: '${producerEpoch} ${principal}`',
    to: '${producerEpoch}`',
    tests: [`${CREDENTIAL}/producer-tokens.test.ts`],
    seenBy: ['for its id, epoch and principal alone'],
  },
  {
    name: 'a remembered token of a producer is for any principal',
    file: 'security/src/credential/producer-tokens.ts',
    from: 'known?.principal === principal && known.producerEpoch === producerEpoch',
    to: 'known !== undefined && known.producerEpoch === producerEpoch',
    tests: [`${CREDENTIAL}/producer-tokens.test.ts`],
    seenBy: ['after it has forgotten what it remembered'],
  },
  {
    name: 'a token of a producer ends with the secret that signed it',
    file: 'security/src/credential/producer-tokens.ts',
    from: 'return this.#keys.map((key) =>',
    to: 'return this.#keys.slice(0, 1).map((key) =>',
    tests: [`${CREDENTIAL}/producer-tokens.test.ts`],
    seenBy: ['during a rotation with either secret'],
  },
  {
    name: 'all principals share the buckets of quotas',
    file: 'security/src/quota/quota-limiter.ts',
    from: '${RATE_QUOTAS.indexOf(quota)}${principal}`',
    to: '${RATE_QUOTAS.indexOf(quota)}`',
    tests: ['libs/security/src/quota/quota-limiter.test.ts'],
    seenBy: ['one principal that uses up its quota'],
  },
  {
    name: 'a credential may stand in the URL',
    file: 'http-front/src/admission/query-credential.ts',
    from: 'if (!CREDENTIAL_NAMES.has(name)) continue;',
    to: 'if (CREDENTIAL_NAMES.size > 0) continue;',
    tests: ['libs/http-front/src/admission/query-credential.test.ts'],
    seenBy: ['refuses the credential in'],
  },
  {
    name: 'the search for credentials in the URL looks at plain names alone',
    file: 'http-front/src/admission/query-credential.ts',
    from: '|secret|[%+]/i',
    to: '|secret/i',
    tests: ['libs/http-front/src/admission/query-credential.test.ts'],
    seenBy: ['refuses the credential in'],
  },
];

const OF_METADATA: readonly Defence[] = [
  {
    name: 'a revoked key comes back with the keys of Redis or of a rebuild',
    file: 'security/src/metadata/security-state.ts',
    from: 'if (this.#revoked.has(`key:${key.id}`)) return undefined;',
    to: '',
    tests: REDIS,
    seenBy: ['rolled back or flushed brings no revoked key back'],
  },
  {
    name: 'revocations are not on disk',
    file: 'security/src/metadata/revocations.ts',
    from: 'else await this.#file.append(added);',
    to: '',
    tests: SIMULATION,
  },
  {
    name: 'a key that is revoked may be added again',
    file: 'security/src/metadata/security-state.ts',
    from: 'if (this.#revoked.has(`key:${key.id}`)) return undefined;',
    to: '',
    also: [
      {
        file: 'security/src/metadata/security-state.ts',
        from: 'return this.#revoked.has(subject);',
        to: 'return subject === undefined;',
      },
    ],
    tests: SIMULATION,
  },
  {
    name: 'revocations are not sent to the other brokers',
    file: 'coordination/src/security/revocation-exchange.ts',
    from: 'const message = { revocations, digest, from: 0 };',
    to: "const message = { revocations: [], digest: 'of none', from: 0 };",
    tests: SIMULATION,
  },
  {
    name: 'a broker without Redis does not ask the others for rules',
    file: 'coordination/src/security/cluster-security.ts',
    from: 'if (isAway) await this.#commits.takeFromPeers();',
    to: 'if (isAway) await Promise.resolve();',
    tests: [...WITHOUT_REDIS, ...SIMULATION],
    seenBy: ['gets the rules of the others from them'],
  },
  {
    name: 'contact counts although newer rules are known and missing',
    file: 'coordination/src/security/cluster-security.ts',
    from: 'Math.min(contactMs, this.#commits.upToDateMs)',
    to: 'contactMs',
    tests: WITHOUT_REDIS,
    seenBy: ['contact does not count'],
  },
  {
    name: 'a rebuild takes any disk, not the newest one',
    file: 'coordination/src/security/security-rebuild.ts',
    from: 'right.position.version - left.position.version ||',
    to: '',
    tests: SIMULATION,
  },
  {
    name: 'signatures in Redis are not checked',
    file: 'security/src/metadata/security-signatures.ts',
    from: 'given.length === expected.length && timingSafeEqual(given, expected)',
    to: '(void given, void expected, void timingSafeEqual, true)',
    tests: REDIS,
    seenBy: ['a rule written into Redis by hand', 'a revocation or snapshot written into Redis'],
  },
];

const OF_CONNECTIONS: readonly Defence[] = [
  {
    name: 'guesses on a connection of several callers are compared as texts',
    file: 'http-front/src/connection/remembered-credential.ts',
    from: '    this.#compareInConstantTime();\n    return false;',
    to: '    return false;',
    tests: ['libs/http-front/src/connection/remembered-credential.test.ts'],
    seenBy: ['compares in constant time once'],
  },
];

const OF_MEMORY: readonly Defence[] = [
  {
    name: 'connections remember verdicts about names of any length',
    file: 'security/src/access/verdicts.ts',
    from: 'if (name.length > NAME_LENGTH_MAX) return;',
    to: 'void NAME_LENGTH_MAX;',
    tests: ['libs/security/src/access/verdicts.test.ts'],
    seenBy: ['remembers no name that is longer'],
  },
];

const OF_FORWARDED_REQUESTS: readonly Defence[] = [
  {
    name: 'a leader trusts the broker that forwards a request',
    file: 'broker/src/cluster/forwarded-requests.ts',
    from: "if (caller === 'broker') return handler(message, context);",
    to: "if (caller !== undefined || method === 'fetch') return handler(message, context);",
    tests: FORWARDED,
    seenBy: ['is served once this broker permits it', 'is refused without a caller'],
  },
  {
    name: 'an append is permitted whoever its callers are',
    file: 'broker/src/cluster/forwarded-requests.ts',
    from: "if (requester !== 'broker') await assertMay(callers, requester, needs);",
    to: 'void requester;',
    tests: FORWARDED,
    seenBy: ['an append needs Write for each of its callers'],
  },
  {
    name: 'another broker names super users',
    file: 'security/src/access/forwarded-callers.ts',
    from: 'const isSuperUser = caller.isSuperUser && this.#isSuperUserHere(caller);',
    to: 'const { isSuperUser } = caller;',
    tests: ['libs/security/src/access/forwarded-callers.test.ts', ...FORWARDED],
    seenBy: ['believes nobody to be a super user', 'handlers see nobody as a super user'],
  },
  {
    name: 'a member is used by every principal',
    file: 'groups/src/state/member-owner.ts',
    from: 'if (owner === undefined || owner.principal === caller.principal) return;',
    to: "if (owner === undefined || what !== '') return;",
    tests: OWNERS,
    seenBy: [
      'a member belongs to the principal',
      'the instanceId of another',
      'a queue takes acks',
    ],
  },
  {
    name: 'members of a revoked key stay',
    file: 'groups/src/coordinator/lost-members.ts',
    from: 'if (owner !== undefined && !mayKeep(owner, {',
    to: "if (owner !== undefined && group.name === '' && !mayKeep(owner, {",
    tests: OWNERS,
    seenBy: ['members leave at once', 'may not read a topic that'],
  },
  {
    name: 'members of an expired credential stay',
    file: 'groups/src/coordinator/expiring-members.ts',
    from: 'if (expiresAtMs <= nowMs) onExpired(',
    to: 'if (expiresAtMs <= nowMs - 1e9) onExpired(',
    tests: OWNERS,
    seenBy: ['leaves a stream within a second', 'leaves a queue within a second'],
  },
  {
    name: 'a new coordinator does not learn the expiry of the credentials of members',
    file: 'groups/src/coordinator/group-coordinator.ts',
    from: '      this.#expiring.look(group);\n      if (group.members.size === 0)',
    to: '      if (group.members.size === 0)',
    tests: OWNERS,
    seenBy: [
      'leaves a stream within a second, although',
      'leaves a queue within a second, although',
    ],
  },
  {
    name: 'a newer credential of a member does not count',
    file: 'groups/src/state/member-credential.ts',
    from: 'if (expiresAtMs !== null && expiresAtMs <= knownMs) return records;',
    to: 'if (expiresAtMs !== null) return records;',
    tests: OWNERS,
    seenBy: ['by a heartbeat', 'by a poll', 'by a commit'],
  },
  {
    name: 'the credential of any caller keeps a member',
    file: 'groups/src/state/member-credential.ts',
    from: 'owner?.principal === caller.principal;',
    to: 'owner?.principal !== undefined;',
    tests: OWNERS,
    seenBy: ['is not kept by the credential of another principal'],
  },
  {
    name: 'a member keeps topics that its principal may not read',
    file: 'broker/src/groups/member-access.ts',
    from: "if (!mayRead('topic', topic)) return false;",
    to: 'void topic;',
    tests: ['libs/broker/src/groups/member-access.test.ts'],
    seenBy: ['may read all of their topics'],
  },
];

export const DEFENCES: readonly Defence[] = [
  ...OF_TOKENS,
  ...OF_TICKETS_AND_KEYS,
  ...OF_METADATA,
  ...REQUEST_DEFENCES,
  ...OF_CONNECTIONS,
  ...OF_MEMORY,
  ...OF_FORWARDED_REQUESTS,
];
