import { describe, expect, it, vi } from 'vitest';
import { problemDocument } from '#api';
import { ProtocolError } from '#protocol';
import { silentLogger } from '#runtime';
import { ClientErrors } from './client-errors.js';

describe('the errors of a gateway', () => {
  it('hides errors outside the contract and logs them', () => {
    const logger = { ...silentLogger, error: vi.fn<typeof silentLogger.error>() };
    const secret = new Error('ENOENT: /var/lib/secret');
    const shown = new ClientErrors(logger).toProtocolError(secret);
    expect(shown.code).toBe('UNKNOWN_SERVER_ERROR');
    expect(JSON.stringify(problemDocument(shown, '/'))).not.toContain('secret');
    expect(logger.error).toHaveBeenCalledWith({ err: secret }, expect.any(String));
  });

  it('logs a repeated error once', () => {
    const log = {
      error: vi.fn<typeof silentLogger.error>(),
      warn: vi.fn<typeof silentLogger.warn>(),
    };
    const logger = { ...silentLogger, ...log };
    const failure = new Error('a bug of this test');
    const cause = new Error('a disk that is gone');
    const storage = new ProtocolError('KAFKA_STORAGE_ERROR', 'No.', { cause });
    const errors = new ClientErrors(logger);
    for (let request = 0; request < 3; request += 1) {
      errors.toProtocolError(failure);
      errors.toProtocolError(storage);
    }
    errors.toProtocolError(new Error('another bug'));
    expect(log.error).toHaveBeenCalledTimes(2);
    expect(log.warn).toHaveBeenCalledTimes(1);
  });

  it('passes on errors of the contract', () => {
    const error = new ProtocolError('INVALID_RECORD', 'No.');
    expect(new ClientErrors(silentLogger).toProtocolError(error)).toBe(error);
  });

  it('counts refusals by their bound, apart from those of another gateway', () => {
    const [first, second] = [new ClientErrors(silentLogger), new ClientErrors(silentLogger)];
    const error = new ProtocolError('REQUEST_TOO_LARGE', 'No.', { bound: 'SLUICE_TOPICS_MAX' });
    first.toProtocolError(error);
    first.toProtocolError(error);
    first.toProtocolError(new ProtocolError('INVALID_RECORD', 'No.'));
    expect([...first.boundRefusals]).toEqual([['SLUICE_TOPICS_MAX', 2]]);
    expect(second.boundRefusals.size).toBe(0);
  });
});
