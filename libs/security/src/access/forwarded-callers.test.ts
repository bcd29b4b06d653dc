import { beforeEach, expect, it } from 'vitest';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import type { Caller } from '../caller.js';
import type { EmbeddedSecurity } from '../metadata/embedded-security.js';
import { exampleAcl, exampleKey } from '../testing/examples.js';
import { openMetadata } from '../testing/open-metadata.js';
import { ForwardedCallers, type Need } from './forwarded-callers.js';

const READ: Need = { operation: 'Read', resource: { type: 'topic', name: 'orders' } };

let clock: FakeClock;
let scheduler: FakeScheduler;
let metadata: EmbeddedSecurity;
let callers: ForwardedCallers;

beforeEach(async () => {
  clock = new FakeClock();
  scheduler = new FakeScheduler(clock);
  metadata = await openMetadata(clock);
  callers = new ForwardedCallers({ metadata, superUsers: ['user:admin'], clock, scheduler });
});

function callerOf(caller: Partial<Caller> = {}): Caller {
  return {
    principal: 'key:k1',
    groups: [],
    isSuperUser: false,
    credential: { kind: 'token' },
    expiresAtMs: null,
    ...caller,
  };
}

/** The outcome of a check, after the time for which a refusal waits. */
async function outcomeOf(caller: Caller, needs: readonly Need[] = [READ]): Promise<unknown> {
  const outcome = Promise.resolve(callers.assertMay(caller, needs)).then(
    () => 'allowed',
    (error: unknown) => error,
  );
  await scheduler.advance(500);
  return outcome;
}

it('decides by the rules of this broker, whatever the other one has decided', async () => {
  const refused = { code: 'TOPIC_AUTHORIZATION_FAILED' };
  expect(await outcomeOf(callerOf())).toMatchObject(refused);
  await metadata.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
  expect(await outcomeOf(callerOf())).toBe('allowed');
  await metadata.update(() => [{ kind: 'acls-added', acls: [exampleAcl({ permission: 'deny' })] }]);
  expect(await outcomeOf(callerOf())).toMatchObject(refused);
});

it('refuses a revoked key and an expired credential at once', async () => {
  await metadata.update(() => [
    { kind: 'key', key: exampleKey('k1') },
    { kind: 'acls-added', acls: [exampleAcl()] },
  ]);
  const { hash } = exampleKey('k1').secrets[0] ?? { hash: '' };
  const ofKey = callerOf({ credential: { kind: 'key', id: 'k1', secretHash: hash } });
  expect(await outcomeOf(ofKey)).toBe('allowed');
  await metadata.revoke([{ subject: 'key:k1', keptUntilMs: null }]);
  const failed = { code: 'SASL_AUTHENTICATION_FAILED' };
  await expect(callers.assertMay(ofKey, [READ])).rejects.toMatchObject(failed);
  const expired = callerOf({ expiresAtMs: clock.nowMs() });
  await expect(callers.assertMay(expired, [READ])).rejects.toMatchObject(failed);
});

it('waits for the key and the rule that the other broker knew first', async () => {
  const { hash } = exampleKey('k1').secrets[0] ?? { hash: '' };
  const ofKey = callerOf({ credential: { kind: 'key', id: 'k1', secretHash: hash } });
  const decided = Promise.resolve(callers.assertMay(ofKey, [READ]));
  await metadata.update(() => [{ kind: 'key', key: exampleKey('k1') }]);
  await metadata.update(() => [{ kind: 'acls-added', acls: [exampleAcl()] }]);
  expect((await decided).caller.principal).toBe('key:k1');
});

it('believes nobody to be a super user whom this broker does not know as one', async () => {
  const claimed = callerOf({ principal: 'user:mallory', isSuperUser: true });
  expect(await outcomeOf(claimed)).toMatchObject({ code: 'TOPIC_AUTHORIZATION_FAILED' });
  expect(await outcomeOf(callerOf({ principal: 'user:admin', isSuperUser: true }))).toBe('allowed');
  const bootstrap = { kind: 'bootstrap-key', id: 'root' } as const;
  const root = callerOf({ principal: 'key:root', isSuperUser: true, credential: bootstrap });
  expect(await outcomeOf(root)).toBe('allowed');
});
