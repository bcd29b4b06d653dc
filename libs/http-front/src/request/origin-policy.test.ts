import { describe, expect, it } from 'vitest';
import { OriginPolicy, type OriginPolicyOptions } from './origin-policy.js';

const LOCAL: OriginPolicyOptions = {
  host: '127.0.0.1',
  publicUrl: 'http://127.0.0.1:8080',
  corsOrigins: [],
  allowedHosts: undefined,
  needsBearer: false,
};
const PUBLIC: OriginPolicyOptions = {
  host: '0.0.0.0',
  publicUrl: 'https://broker.example',
  corsOrigins: ['https://app.example', 'http://dev.example:3000'],
  allowedHosts: undefined,
  needsBearer: false,
};

function isRefused(
  options: OriginPolicyOptions,
  host: string | undefined,
  origin?: string,
): boolean {
  const headers = {
    ...(host === undefined ? {} : { host }),
    ...(origin === undefined ? {} : { origin }),
  };
  return new OriginPolicy(options).refusal(headers)?.code === 'CLUSTER_AUTHORIZATION_FAILED';
}

describe('OriginPolicy', () => {
  it('accepts requests without an Origin', () => {
    expect(isRefused(LOCAL, '127.0.0.1:8080')).toBe(false);
    expect(isRefused(PUBLIC, 'broker.example')).toBe(false);
  });

  it.each([
    [LOCAL, '127.0.0.1:8080', 'http://127.0.0.1:8080'],
    [LOCAL, 'localhost:8080', 'http://localhost:8080'],
    [LOCAL, '[::1]:8080', 'http://[::1]:8080'],
    [PUBLIC, 'broker.example', 'https://broker.example'],
    [PUBLIC, '10.0.0.7:8080', 'http://10.0.0.7:8080'],
    [PUBLIC, 'broker.example', 'https://app.example'],
    [PUBLIC, 'broker.example', 'http://dev.example:3000'],
  ])('admits its own and the allowed origins: %#', (options, host, origin) => {
    expect(isRefused(options, host, origin)).toBe(false);
  });

  it.each([
    'null',
    'http://evil.example',
    'http://127.0.0.1:9999',
    'http://127.0.0.1:8080.evil.example',
    'https://127.0.0.1:8080@evil.example',
    'file://',
    '',
    'http://127.0.0.1:8080, http://evil.example',
  ])('refuses the foreign origin %j', (origin) => {
    expect(isRefused(LOCAL, '127.0.0.1:8080', origin)).toBe(true);
  });

  it('distinguishes the scheme and port of an allowed origin', () => {
    expect(isRefused(PUBLIC, 'broker.example', 'http://app.example')).toBe(true);
    expect(isRefused(PUBLIC, 'broker.example', 'http://dev.example')).toBe(true);
  });

  it('refuses a name that an attacker made point here', () => {
    expect(isRefused(LOCAL, 'evil.example:8080')).toBe(true);
    expect(isRefused(LOCAL, 'evil.example:8080', 'http://evil.example:8080')).toBe(true);
    expect(isRefused(PUBLIC, 'evil.example', 'http://evil.example')).toBe(true);
  });

  it('accepts a page that was loaded under a name that was set', () => {
    const named = { ...PUBLIC, allowedHosts: ['queue.test'] };
    expect(isRefused(named, 'queue.test:8080', 'http://queue.test:8080')).toBe(false);
    expect(isRefused(named, 'queue', 'http://queue')).toBe(true);
  });

  it('accepts the name in its public URL', () => {
    const named = { ...LOCAL, publicUrl: 'http://queue.test:8080' };
    expect(isRefused(named, 'queue.test:8080', 'http://queue.test:8080')).toBe(false);
  });

  it('accepts all origins but the opaque one if all are allowed', () => {
    const open = { ...LOCAL, corsOrigins: ['*'] };
    expect(isRefused(open, '127.0.0.1:8080', 'https://any.example')).toBe(false);
    expect(isRefused(open, '127.0.0.1:8080', 'null')).toBe(true);
  });
});
