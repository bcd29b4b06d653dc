import { beforeEach, describe, expect, it } from 'vitest';
import { PEER_CALLS, type PeerMethod } from '#replication';
import { SystemRandom, silentLogger } from '#runtime';
import { FakeClock, FakeDisk, FakeScheduler } from '#runtime/testing';
import { type Acl, type Caller, EmbeddedSecurity, ForwardedCallers } from '#security';
import { assertMayAppend, permittedPeerHandlers } from './forwarded-requests.js';
import { PEER_NEEDS } from './peer-needs.js';

/** A body with the members from which all methods read what they need. */
const BODY = {
  group: 'workers',
  topic: 'orders',
  place: { topic: 'orders', partition: 0 },
  offsets: [{ topic: 'orders', partition: 0 }],
  acks: [{ topic: 'orders', partition: 0 }],
  ends: [{ topic: 'orders', partition: 0 }],
  targets: [{ topic: 'orders', partition: 0 }],
  sourceTopic: 'orders',
  request: { topics: ['orders', { pattern: 'o.*' }] },
};

const BROKER = 'broker';
const READ_GROUP = 'Read group:workers';
const READ_BOTH = [READ_GROUP, 'Read topic:orders'];

/** The needs of every method: one that is not listed does not compile. */
const NEEDS: Readonly<Record<PeerMethod, typeof BROKER | 'each append' | readonly string[]>> = {
  'replica-fetch': BROKER,
  'exchange-revocations': BROKER,
  'security-commits': BROKER,
  'redeem-ticket': BROKER,
  'partition-status': BROKER,
  'apply-metadata': BROKER,
  'list-delayed': BROKER,
  'group-watch': BROKER,
  'group-heartbeats': BROKER,
  'group-list': BROKER,
  'queue-delivery': BROKER,
  'queue-floors': BROKER,
  produce: 'each append',
  fetch: ['Read topic:orders'],
  'list-offset': ['Describe topic:orders'],
  'delete-records': ['Delete topic:orders'],
  'give-up-lost-records': ['Alter cluster:cluster'],
  'commit-offsets': READ_BOTH,
  'committed-offsets': ['Describe group:workers'],
  'group-join': [...READ_BOTH, 'Read topic:*'],
  'group-heartbeat': [READ_GROUP],
  'group-poll': [READ_GROUP],
  'group-waiting-view': [READ_GROUP],
  'group-member-commit': READ_BOTH,
  'group-leave': [READ_GROUP],
  'group-describe': ['Describe group:workers'],
  'group-delete': ['Delete group:workers'],
  'group-configs': ['DescribeConfigs group:workers'],
  'group-alter-configs': ['AlterConfigs group:workers'],
  'queue-poll': [READ_GROUP],
  'queue-acks': READ_BOTH,
  'queue-records': ['Describe group:workers'],
  'queue-redrive-progress': ['Describe group:workers'],
  'queue-purge': READ_BOTH,
  'queue-reset': READ_BOTH,
  'queue-cancel': READ_BOTH,
  'queue-redrive': [READ_GROUP, 'Write topic:orders'],
};

const METHODS = Object.keys(PEER_CALLS) as PeerMethod[];
const OF_CLIENTS = METHODS.filter((method) => typeof PEER_NEEDS[method] === 'function');

const CALLER: Caller = {
  principal: 'user:ada',
  groups: [],
  isSuperUser: false,
  credential: { kind: 'token' },
  expiresAtMs: null,
};

let metadata: EmbeddedSecurity;
let scheduler: FakeScheduler;
let callers: ForwardedCallers;

beforeEach(async () => {
  const clock = new FakeClock();
  scheduler = new FakeScheduler(clock);
  metadata = await openMetadata(clock);
  callers = new ForwardedCallers({ metadata, superUsers: [], clock, scheduler });
});

it.each(METHODS)('the needs of a %s call are the ones of its operation', (method) => {
  const needs = PEER_NEEDS[method];
  if (typeof needs === 'string') expect(needs).toBe(NEEDS[method]);
  else {
    const texts = needs(BODY).map(({ operation, resource: { type, name } }) => {
      return `${operation} ${type}:${name}`;
    });
    expect(texts).toEqual(NEEDS[method]);
  }
});

describe.each(OF_CLIENTS)('a forwarded %s call', (method) => {
  it('is served once this broker permits it, and for a broker itself', async () => {
    expect(await codeOf(method, CALLER)).toMatch(/_AUTHORIZATION_FAILED$/);
    await allowAll();
    expect(await codeOf(method, CALLER)).toBe('served');
    expect(await codeOf(method, 'broker')).toBe('served');
  });

  it('is refused without a caller', async () => {
    await allowAll();
    expect(await codeOf(method, undefined)).toBe('CLUSTER_AUTHORIZATION_FAILED');
  });
});

it('handlers see nobody as a super user whom this broker does not know as one', async () => {
  await allowAll();
  let seen: unknown;
  const { fetch } = permittedPeerHandlers(
    {
      fetch: (message) => {
        seen = message.body;
        return Promise.resolve(message);
      },
    },
    callers,
  );
  const body = { ...BODY, caller: { ...CALLER, isSuperUser: true } };
  await fetch?.({ body, blobs: [] }, CONTEXT);
  expect(seen).toMatchObject({ topic: 'orders', caller: { isSuperUser: false } });
});

it('an append needs Write for each of its callers', async () => {
  await allowAll();
  const other = { ...CALLER, principal: 'user:eve' };
  await assertMayAppend(callers, 'orders', [CALLER, 'broker']);
  const refused = assertMayAppend(callers, 'orders', [CALLER, other]);
  const outcome = expect(refused).rejects.toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' });
  await scheduler.advance(500);
  await outcome;
  await expect(assertMayAppend(callers, 'orders', undefined)).rejects.toMatchObject({
    code: 'CLUSTER_AUTHORIZATION_FAILED',
  });
});

const CONTEXT = { signal: new AbortController().signal };

/** The code of the refusal of a call; `served` when its handler was called. */
async function codeOf(method: PeerMethod, caller: Caller | 'broker' | undefined): Promise<string> {
  const served = Promise.resolve({ body: {}, blobs: [] });
  const handlers = permittedPeerHandlers({ [method]: () => served }, callers);
  const body = { ...BODY, ...(caller === undefined ? {} : { caller }) };
  const called = Promise.resolve(handlers[method]?.({ body, blobs: [] }, CONTEXT));
  const outcome = called.then(
    () => 'served',
    (error: unknown) => (error as { readonly code: string }).code,
  );
  await scheduler.advance(500);
  return outcome;
}

async function openMetadata(clock: FakeClock): Promise<EmbeddedSecurity> {
  const disk = new FakeDisk();
  await disk.makeDirectory('/data');
  return EmbeddedSecurity.open({
    fileSystem: disk.mount(),
    dataDir: '/data',
    clock,
    random: new SystemRandom(),
    logger: silentLogger,
    brokerId: 0,
    limits: { apiKeysMax: 10, aclsMax: 10, quotasMax: 10, aclsPerChangeMax: 10 },
  });
}

function allowAll(): Promise<void> {
  const rule = { principal: CALLER.principal, resourceName: '*', patternType: 'literal' } as const;
  const types = ['topic', 'group'] as const;
  const acls: Acl[] = types.map((resourceType) => {
    return { ...rule, resourceType, operation: 'All', permission: 'allow' };
  });
  const ofCluster = { ...rule, resourceType: 'cluster', resourceName: 'cluster' } as const;
  acls.push({ ...ofCluster, operation: 'All', permission: 'allow' });
  return metadata.update(() => [{ kind: 'acls-added', acls }]);
}
