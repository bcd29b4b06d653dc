import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from './error-codes.js';
import { ProtocolError } from './protocol-error.js';

describe('error codes', () => {
  it('have distinct Kafka numbers', () => {
    const numbers = Object.values(ERROR_CODES)
      .map((entry) => entry.number)
      .filter((number) => number !== null);
    expect(new Set(numbers).size).toBe(numbers.length);
  });

  it('never mark a write as retriable that is already in the log', () => {
    for (const entry of Object.values(ERROR_CODES)) {
      if (entry.outcome === 'applied') expect(entry.retriable).toBe(false);
    }
  });

  it('set `retriable` and `outcome` of an error unless the thrower overrides them', () => {
    const full = new ProtocolError('KAFKA_STORAGE_ERROR', 'The disk is full.');
    expect(full).toMatchObject({ retriable: true, outcome: 'failed' });
    const failedSync = new ProtocolError('KAFKA_STORAGE_ERROR', 'A sync failed.', {
      outcome: 'unknown',
      retriable: false,
    });
    expect(failedSync).toMatchObject({ retriable: false, outcome: 'unknown' });
  });

  it('pass their cause on', () => {
    const cause = new Error('ENOSPC');
    expect(new ProtocolError('KAFKA_STORAGE_ERROR', 'Full.', { cause }).cause).toBe(cause);
  });
});
