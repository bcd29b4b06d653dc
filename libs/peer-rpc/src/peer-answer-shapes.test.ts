import { describe, expect, test } from 'vitest';
import { checkedPeers, PEER_CALLS, type PeerMethod, PeerUnreachableError } from '#replication';
import { type LogFields, silentLogger } from '#runtime';
import { FakeClock } from '#runtime/testing';
import { rightValue, wrongValues } from './testing/shape-values.js';

/** Methods with a row for their answer in the table of shapes. */
const ANSWERS = Object.entries(PEER_CALLS).flatMap(([method, { answer }]) =>
  answer === undefined ? [] : [{ method: method as PeerMethod, answer }],
);

/** Returns the outcome of an answer, and the warnings that were logged. */
function answering(body: unknown) {
  const warnings: LogFields[] = [];
  const logger = { ...silentLogger, warn: (fields: LogFields) => void warnings.push(fields) };
  const peers = checkedPeers(
    { call: () => Promise.resolve({ body, blobs: [] }) },
    { clock: new FakeClock(), logger },
  );
  const call = (method: PeerMethod) =>
    peers.call(2, method, { body: {}, blobs: [] }, { timeoutMs: 100 });
  return { call, warnings };
}

test('only the answer to a replica fetch is left to its decoder', () => {
  const described = ANSWERS.map(({ method }) => method);
  const others = Object.keys(PEER_CALLS).filter((name) => !described.includes(name as PeerMethod));
  expect(others).toEqual(['replica-fetch']);
});

describe.each(ANSWERS)('the answer to a $method call', ({ method, answer }) => {
  test('an answer of the right shape is accepted, even with later members', async () => {
    const body = { ...(rightValue(answer) as object), isOfALaterVersion: true };
    await expect(answering(body).call(method)).resolves.toEqual({ body, blobs: [] });
  });

  test('an answer of another shape counts as lost, and is logged once', async () => {
    for (const { value, what } of wrongValues(answer)) {
      const { call, warnings } = answering(value);
      for (let attempt = 0; attempt < 2; attempt += 1) {
        const failed = call(method);
        await expect(failed, what).rejects.toBeInstanceOf(PeerUnreachableError);
        await expect(failed, what).rejects.toMatchObject({ brokerId: 2, wasSent: true });
      }
      expect(warnings, what).toMatchObject([{ brokerId: 2, method }]);
    }
  });
});
