import { describe, expect, it } from 'vitest';
import { ERROR_CODES, type ErrorCode, ProtocolError } from '#protocol';
import { problemDocument, retryAfterSeconds, statusOf } from './problem.js';

describe('problemDocument', () => {
  it('has the members of RFC 9457 and those of the contract', () => {
    const error = new ProtocolError('OFFSET_OUT_OF_RANGE', 'Offset 9 is beyond the log end 5.', {
      members: { logStartOffset: 0, highWatermark: 5 },
    });
    expect(problemDocument(error, '/v1/topics/t/partitions/0/records')).toEqual({
      type: 'urn:sluice:error:OFFSET_OUT_OF_RANGE',
      title: 'The offset is not in the log.',
      status: 416,
      detail: 'Offset 9 is beyond the log end 5.',
      instance: '/v1/topics/t/partitions/0/records',
      code: 'OFFSET_OUT_OF_RANGE',
      retriable: false,
      logStartOffset: 0,
      highWatermark: 5,
    });
  });

  it('has the outcome of a write, and only of a write', () => {
    const error = new ProtocolError('REQUEST_TIMED_OUT', 'Not done within 5 ms.');
    expect(problemDocument(error, '/', { isWrite: true }).outcome).toBe('unknown');
    expect(problemDocument(error, '/')).not.toHaveProperty('outcome');
  });

  it('lists the faults of the request as errors', () => {
    const faults = [{ pointer: '/records/3/value', detail: 'missing' }];
    const error = new ProtocolError('INVALID_REQUEST', 'One fault.', { faults });
    expect(problemDocument(error, '/').errors).toEqual(faults);
  });

  it('describes twenty faults and gives the number of the others', () => {
    const faults = Array.from({ length: 60_000 }, (_, n) => ({ pointer: `/${n}`, detail: 'x' }));
    const errors = problemDocument(
      new ProtocolError('INVALID_CONFIG', 'Many.', { faults }),
      '/',
    ).errors;
    expect(errors).toHaveLength(21);
    expect(errors?.at(-1)).toEqual({ pointer: '', detail: 'and 59980 more' });
  });

  it('shortens text of the client', () => {
    const long = 'x'.repeat(1_000_000);
    const faults = [{ pointer: `/configs/${long}`, detail: long }];
    const error = new ProtocolError('INVALID_CONFIG', long, { faults });
    const problem = problemDocument(error, '/');
    expect(JSON.stringify(problem).length).toBeLessThan(4000);
    expect(problem.errors?.[0]?.pointer).toBe('/configs');
  });

  it('has an error status for every code', () => {
    for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
      expect(statusOf(code), code).toBeGreaterThanOrEqual(400);
    }
  });
});

describe('retryAfterSeconds', () => {
  it('is sent with 429 and 503 and rounded up to whole seconds', () => {
    const error = new ProtocolError('BUFFER_EXHAUSTED', 'Full.', { retryAfterMs: 1200 });
    expect(retryAfterSeconds(error, 503)).toBe(2);
    expect(retryAfterSeconds(error, 429)).toBe(2);
    expect(retryAfterSeconds(error, 507)).toBeUndefined();
  });

  it('is one second where the error names no time', () => {
    expect(retryAfterSeconds(new ProtocolError('BUFFER_EXHAUSTED', 'Full.'), 503)).toBe(1);
  });
});
