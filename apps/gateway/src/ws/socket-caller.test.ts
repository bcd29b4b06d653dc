import { expect, test } from 'vitest';
import { MemoryBudget } from '#runtime';
import { FakeClock, FakeScheduler } from '#runtime/testing';
import { type Invalidity, OPEN_ACCESS } from '#security';
import { SocketCaller } from './socket-caller.js';

/** Returns the caller of a connection whose credential can become invalid. */
function callerOf(credential: { invalidity: Invalidity | undefined }): SocketCaller {
  return new SocketCaller(
    {
      memory: new MemoryBudget(1000, () => new Error('the memory is used up')),
      security: undefined,
      scheduler: new FakeScheduler(new FakeClock()),
      socketAuthTimeoutMs: 1000,
    },
    {
      access: { ...OPEN_ACCESS, invalidity: () => credential.invalidity },
      address: '',
      belongTo: () => undefined,
    },
    { onTimeout: () => undefined, onResume: () => undefined },
  );
}

test.each([
  ['revoked', 'SASL_AUTHENTICATION_FAILED'],
  ['expired', 'SASL_AUTHENTICATION_FAILED'],
  ['unconfirmed', 'BROKER_NOT_AVAILABLE'],
] as const)('a message that waited is refused if its credential is %s by then', (kind, code) => {
  const credential: { invalidity: Invalidity | undefined } = { invalidity: undefined };
  const caller = callerOf(credential);
  caller.assertValid();
  credential.invalidity = kind;
  expect(() => caller.assertValid()).toThrow(expect.objectContaining({ code }));
});
