import { describe, expect, it, vi } from 'vitest';
import { problemDocument } from '#api';
import { ProtocolError } from '#protocol';
import { silentLogger } from '#runtime';
import { toProtocolError } from './problem.js';

describe('toProtocolError', () => {
  it('hides errors outside the contract and logs them', () => {
    const logger = { ...silentLogger, error: vi.fn<typeof silentLogger.error>() };
    const secret = new Error('ENOENT: /var/lib/secret');
    const shown = toProtocolError(secret, logger);
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
    for (let request = 0; request < 3; request += 1) {
      toProtocolError(failure, logger);
      toProtocolError(storage, logger);
    }
    toProtocolError(new Error('another bug'), logger);
    expect(log.error).toHaveBeenCalledTimes(2);
    expect(log.warn).toHaveBeenCalledTimes(1);
  });

  it('passes on errors of the contract', () => {
    const error = new ProtocolError('INVALID_RECORD', 'No.');
    expect(toProtocolError(error, silentLogger)).toBe(error);
  });
});
