import { describe, expect, it } from 'vitest';
import { decodeReplicaFetchResponse } from './replica-fetch-codec.js';

const RECORDS = {
  firstBlob: 0,
  blobCount: 1,
  compactedEndOffset: 0,
  elections: [{ epoch: 1, electionId: 'first' }],
};
const RESULT = {
  topic: 'events',
  partition: 0,
  sequence: 1,
  highWatermark: 2,
  logStartOffset: 0,
  diverging: { epoch: -1, electionId: null, endOffset: 0 },
  records: RECORDS,
};

describe('the answer to a replica fetch', () => {
  it('is read as it was written', () => {
    const body = { results: [RESULT] };
    expect(decodeReplicaFetchResponse({ body, blobs: [Buffer.from('batch')] })).toEqual(body);
    const refusal = { refusal: 'UNKNOWN_SESSION', results: [] };
    expect(decodeReplicaFetchResponse({ body: refusal, blobs: [] })).toEqual(refusal);
  });

  it.each([
    ['the object', 'text'],
    ['the object', null],
    ['the object', { results: [null] }],
    ['refusal', { refusal: 'toString', results: [] }],
    ['results', { results: 7 }],
    ['topic', { results: [{ ...RESULT, topic: 7 }] }],
    ['partition', { results: [{ ...RESULT, partition: -1 }] }],
    ['sequence', { results: [{ ...RESULT, sequence: 1.5 }] }],
    ['highWatermark', { results: [{ ...RESULT, highWatermark: '2' }] }],
    ['fault', { results: [{ ...RESULT, fault: 'OTHER' }] }],
    ['epoch', { results: [{ ...RESULT, diverging: { ...RESULT.diverging, epoch: -2 } }] }],
    ['electionId', { results: [{ ...RESULT, diverging: { ...RESULT.diverging, electionId: 7 } }] }],
    ['blobCount', { results: [{ ...RESULT, records: { ...RECORDS, blobCount: 2 } }] }],
    ['elections', { results: [{ ...RESULT, records: { ...RECORDS, elections: null } }] }],
  ])('is refused by the name of a member of another shape: %s in %j', (name, body) => {
    const message = { body, blobs: [Buffer.from('batch')] };
    expect(() => decodeReplicaFetchResponse(message)).toThrow(
      expect.objectContaining({
        code: 'INVALID_REQUEST',
        message: `A message of another broker is malformed: ${name}.`,
      }),
    );
  });
});
