import { describe, expect, it } from 'vitest';
import { checkProducerOptions, type ProducerOptions } from './producer-settings.js';
import { createTestError } from './testing/test-error.js';

describe('checkProducerOptions', () => {
  it("has Kafka's defaults", () => {
    expect(checked({})).toEqual({
      acks: 'all',
      batchSize: 16384,
      bufferMemory: 33554432,
      compressionType: 'none',
      deliveryTimeoutMs: 120000,
      enableIdempotence: true,
      lingerMs: 0,
      maxBlockMs: 60000,
      maxInFlightRequestsPerConnection: 5,
      maxRequestSize: 1048576,
      metadataMaxAgeMs: 300000,
      partitioner: 'sticky',
      partitionerIgnoreKeys: false,
      requestTimeoutMs: 30000,
      retries: 2147483647,
      retryBackoffMaxMs: 1000,
      retryBackoffMs: 100,
    });
  });

  it.each([
    [{ batchSize: -1 }, 'batchSize is -1: it must be a whole number from 0 to 2147483647.'],
    [{ lingerMs: 1.5 }, 'lingerMs is 1.5: it must be a whole number from 0 to 2147483647.'],
    [{ lingerMs: '5' }, 'lingerMs is "5": it must be a whole number from 0 to 2147483647.'],
    [{ maxInFlight: 0 }, 'maxInFlight is 0: it must be a whole number from 1'],
    [{ acks: 'most' }, 'acks is "most": it must be "all" or "1" or "0" or 1 or 0 or -1 or "-1".'],
    [{ compressionType: 'lz4' }, 'compressionType is "lz4": it must be "none" or "gzip".'],
    [{ enableIdempotence: 1 }, 'enableIdempotence is 1: it must be true or false.'],
    [
      { partitioner: 'best' },
      'partitioner is "best": it must be "sticky" or "roundRobin" or a function.',
    ],
    [{ lingerMS: 5 }, 'lingerMS is 5: a producer has no such setting.'],
    [{ keySerializer: 'text' }, 'keySerializer is "text": it must be an object with the function'],
    [{ valueSerializer: {} }, 'it must be an object with the function serialize.'],
    [{ valueSerializer: null }, 'valueSerializer is null: it must be an object'],
    [{ interceptors: 5 }, 'interceptors is 5: it must be a list of objects.'],
    [{ interceptors: [null] }, 'interceptors is : it must be a list of objects.'],
    [
      { interceptors: [{ onSend: 5 }] },
      'interceptors is [object Object]: it must be a list of objects.',
    ],
    [{ onError: 'log' }, 'onError is "log": it must be a function.'],
  ])('refuses %j by name', (options, detail) => {
    expect(refusal(options as ProducerOptions)).toMatchObject({
      code: 'INVALID_CONFIG',
      message: expect.stringContaining(detail),
    });
  });

  it.each([
    [{ acks: '1' }, 'acks of "all", not "1"'],
    [{ acks: 0 }, 'acks of "all", not "0"'],
    [{ retries: 0 }, 'retries of at least 1, not 0'],
    [{ maxInFlight: 6 }, 'maxInFlightRequestsPerConnection of at most 5, not 6'],
  ] as const)('refuses idempotence with %j, unless idempotence is a default', (options, need) => {
    expect(refusal({ ...options, enableIdempotence: true })?.message).toBe(
      `enableIdempotence is true: it needs ${need}.`,
    );
    expect(checked(options).enableIdempotence).toBe(false);
    expect(checked({ ...options, enableIdempotence: false }).enableIdempotence).toBe(false);
  });

  it('refuses a delivery timeout below linger and request timeout, and raises the default', () => {
    const options = { lingerMs: 10, requestTimeoutMs: 200_000 };
    expect(refusal({ ...options, deliveryTimeoutMs: 200_009 })?.message).toContain('200010');
    expect(checked({ ...options, deliveryTimeoutMs: 200_010 }).deliveryTimeoutMs).toBe(200_010);
    expect(checked(options).deliveryTimeoutMs).toBe(200_010);
  });

  it('accepts acks as numbers, and undefined for a default', () => {
    expect([-1, 1, 0, '1', 'all'].map((acks) => checked({ acks } as ProducerOptions).acks)).toEqual(
      ['all', '1', '0', '1', 'all'],
    );
    expect(checked({ lingerMs: undefined }).lingerMs).toBe(0);
  });
});

function checked(options: ProducerOptions) {
  return checkProducerOptions(options, createTestError);
}

function refusal(options: ProducerOptions): Error | undefined {
  try {
    checked(options);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
