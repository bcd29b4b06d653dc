import { describe, expect, it } from 'vitest';
import { addressBlock, TrustedProxies } from './client-address.js';

describe('the address of a client', () => {
  it('is the address of its connection, whatever it claims, unless that is a trusted proxy', () => {
    const proxies = new TrustedProxies(['10.0.0.0/8', '2001:db8::/32']);
    expect(proxies.clientAddress('192.0.2.1', '198.51.100.7')).toBe('192.0.2.1');
    expect(proxies.clientAddress('10.1.2.3', '198.51.100.7')).toBe('198.51.100.7');
    expect(proxies.clientAddress('::ffff:10.1.2.3', '198.51.100.7')).toBe('198.51.100.7');
    expect(proxies.clientAddress('2001:db8::1', '2001:db9::1')).toBe('2001:db9::1');
    expect(proxies.clientAddress('10.1.2.3', undefined)).toBe('10.1.2.3');
    expect(new TrustedProxies([]).clientAddress('10.1.2.3', '192.0.2.1')).toBe('10.1.2.3');
  });

  it('is the last one that no trusted proxy has: a client can only put others before it', () => {
    const proxies = new TrustedProxies(['10.0.0.0/8']);
    const header = '127.0.0.1, 192.0.2.99, 198.51.100.7, 10.0.0.2';
    expect(proxies.clientAddress('10.1.2.3', header)).toBe('198.51.100.7');
  });

  it.each(['', 'unknown', '1.2.3.4:80', ',', 'a'.repeat(10_000)])(
    'is the proxy that names no address: %j',
    (header) => {
      const proxies = new TrustedProxies(['10.1.2.3']);
      expect(proxies.clientAddress('10.1.2.3', header)).toBe('10.1.2.3');
    },
  );

  it.each(['', 'proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '::1/129', '10.0.0.0/-1'])(
    'refuses %j as a range of proxies',
    (range) => {
      expect(() => new TrustedProxies([range])).toThrow('is neither an address nor a range');
    },
  );

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:1::6', '2001:db8:1:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('%s belongs to the block %s', (address, block) => {
    expect(addressBlock(address)).toBe(block);
  });
});
