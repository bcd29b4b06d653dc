import { expect, it } from 'vitest';
import { HostPolicy, type HostPolicyOptions } from './host-policy.js';

const LOOPBACK: HostPolicyOptions = {
  host: '127.0.0.1',
  publicUrl: 'http://127.0.0.1:8080',
  allowedHosts: undefined,
  needsBearer: false,
};
const EVERYWHERE = { ...LOOPBACK, host: '0.0.0.0', publicUrl: 'https://broker.example/sluice' };

function accepts(options: HostPolicyOptions, host: string | undefined): boolean {
  return new HostPolicy(options).refusal(host) === undefined;
}

it.each([
  '127.0.0.1:8080',
  '127.0.0.1',
  'localhost:8080',
  'LOCALHOST',
  'app.localhost',
  '[::1]:8080',
  undefined,
])('accepts the host %j on every listener', (host) => {
  expect(accepts(LOOPBACK, host)).toBe(true);
  expect(accepts(EVERYWHERE, host)).toBe(true);
});

it.each([
  'evil.example',
  'evil.example:8080',
  '127.0.0.1.evil.example',
  'localhost.evil.example',
  '',
  ':8080',
  '[::1].evil.example',
  '[::1]evil',
  '[evil]',
  '127.0.0.1:80:evil',
  'a b',
  '@',
  'evil.example#127.0.0.1',
  'localhost@evil.example',
  'broker.example.evil.example',
])('refuses the host %j on every listener', (host) => {
  expect(accepts(LOOPBACK, host)).toBe(false);
  expect(accepts(EVERYWHERE, host)).toBe(false);
});

it('accepts the name of its public URL, and names that are set', () => {
  expect(accepts(EVERYWHERE, 'broker.example')).toBe(true);
  const named = { ...LOOPBACK, allowedHosts: ['Queue.test', '*.cluster.local'] };
  expect(accepts(named, 'queue.test:8080')).toBe(true);
  expect(accepts(named, 'sluice-0.sluice.svc.cluster.local')).toBe(true);
  expect(accepts(named, 'cluster.local')).toBe(false);
  expect(accepts(named, 'evilcluster.local')).toBe(false);
  expect(accepts({ ...LOOPBACK, allowedHosts: ['*'] }, 'evil.example')).toBe(true);
});

it('accepts names of containers only where other machines can call', () => {
  expect(accepts(EVERYWHERE, 'gateway-1:8080')).toBe(true);
  expect(accepts(LOOPBACK, 'gateway-1:8080')).toBe(false);
});

it('checks names that are set also while every caller needs a bearer, and no others', () => {
  const secured = { ...EVERYWHERE, needsBearer: true };
  expect(accepts(secured, 'any.example')).toBe(true);
  const named = { ...secured, allowedHosts: ['queue.test'] };
  expect(accepts(named, 'any.example')).toBe(false);
  expect(accepts(named, 'queue.test')).toBe(true);
});

it('refuses a name again after it has accepted others', () => {
  const policy = new HostPolicy(EVERYWHERE);
  for (let port = 0; port < 200; port += 1) policy.refusal(`127.0.0.1:${port}`);
  expect(policy.refusal('evil.example')?.code).toBe('CLUSTER_AUTHORIZATION_FAILED');
  expect(policy.refusal('127.0.0.1:199')).toBeUndefined();
});
