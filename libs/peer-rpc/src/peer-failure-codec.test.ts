import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES, type ErrorCode, ProtocolError } from '#protocol';
import { NotLeaderError } from '#replication';
import { decodePeerFailure, encodePeerFailure, type PeerFailure } from './peer-failure-codec.js';

const anyProtocolError = fc
  .record({
    code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    detail: fc.string(),
    outcome: fc.constantFrom('failed', 'unknown', 'applied'),
    retriable: fc.boolean(),
    members: fc.dictionary(
      fc.string().filter((name) => name !== '__proto__'),
      fc.oneof(fc.integer(), fc.string(), fc.boolean(), fc.constant(null)),
      { noNullPrototype: true },
    ),
    faults: fc.array(fc.record({ pointer: fc.string(), detail: fc.string() })),
    retryAfterMs: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ code, detail, retryAfterMs, ...options }) => {
    const retry = retryAfterMs === undefined ? undefined : { retryAfterMs };
    return new ProtocolError(code, detail, { ...options, ...retry });
  });

/** Returns the fields of both classes, because `toEqual` compares only the messages of errors. */
function fieldsOf(error: ProtocolError | NotLeaderError): unknown {
  const { name, message, cause } = error;
  const members = Object.fromEntries(Object.entries(error));
  return {
    ...members,
    name,
    message,
    cause: cause instanceof ProtocolError ? fieldsOf(cause) : cause,
  };
}

function roundTrip(failure: PeerFailure): PeerFailure | undefined {
  return decodePeerFailure(encodePeerFailure(failure));
}

describe('errors between brokers', () => {
  test('a ProtocolError survives the round trip', () => {
    fc.assert(
      fc.property(anyProtocolError, fc.constantFrom('failed', 'refused'), (error, kind) => {
        const back = roundTrip({ kind, error });
        expect(back?.kind).toBe(kind);
        expect(back?.error).toBeInstanceOf(ProtocolError);
        expect(fieldsOf(back?.error as ProtocolError)).toEqual(fieldsOf(error));
      }),
    );
  });

  test('a NotLeaderError survives the round trip, with its cause', () => {
    const cause = new ProtocolError('LEADER_NOT_AVAILABLE', 'an election is under way');
    for (const error of [
      new NotLeaderError('FENCED_LEADER_EPOCH', 3, 7),
      new NotLeaderError('NOT_LEADER_OR_FOLLOWER', null, 0, { cause }),
    ]) {
      const back = roundTrip({ kind: 'failed', error });
      expect(back?.error).toBeInstanceOf(NotLeaderError);
      expect(fieldsOf(back?.error as NotLeaderError)).toEqual(fieldsOf(error));
    }
  });

  test('a code of another version becomes an unknown error with the outcome that was sent', () => {
    const json = { kind: 'failed', error: { code: 'LATER', detail: 'new', outcome: 'failed' } };
    expect(decodePeerFailure(Buffer.from(JSON.stringify(json)))).toMatchObject({
      kind: 'failed',
      error: { code: 'UNKNOWN_SERVER_ERROR', message: 'LATER: new', outcome: 'failed' },
    });
  });

  test('a missing outcome becomes unknown', () => {
    const json = { kind: 'failed', error: { code: 'NOT_ENOUGH_REPLICAS', detail: '' } };
    expect(decodePeerFailure(Buffer.from(JSON.stringify(json)))).toMatchObject({
      error: { outcome: 'unknown' },
    });
  });

  test('any bytes decode to an error of a broker or to undefined', () => {
    const anyTold = fc.record(
      {
        kind: fc.constantFrom('failed', 'refused', 'not-leader', 'other'),
        error: fc.oneof(
          fc.jsonValue(),
          fc.record(
            { code: fc.jsonValue(), detail: fc.jsonValue(), members: fc.jsonValue() },
            { requiredKeys: [] },
          ),
          fc.record(
            { fault: fc.jsonValue(), leader: fc.jsonValue(), leaderEpoch: fc.jsonValue() },
            { requiredKeys: [] },
          ),
        ),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          anyTold.map((json) => JSON.stringify(json)),
        ),
        (text) => {
          const failure = decodePeerFailure(Buffer.from(text));
          if (failure !== undefined) expect(failure.error).toBeInstanceOf(Error);
        },
      ),
    );
  });
});
