import { describe, expect, it } from 'vitest';
import { FakeClock } from '#runtime/testing';
import { FailedLogins } from './failed-logins.js';

describe('failed logins', () => {
  it('the first five of an address are answered at once, further ones up to a second later', () => {
    const logins = new FailedLogins({ addressesMax: 100, delayMsMax: 1000 }, new FakeClock());
    const delays = Array.from({ length: 12 }, () => logins.failed('192.0.2.1'));
    expect(delays).toEqual([0, 0, 0, 0, 0, 62.5, 125, 250, 500, 1000, 1000, 1000]);
    expect(logins.failed('192.0.2.2')).toBe(0);
    expect(logins.failuresTotal).toBe(13);
  });

  it('they are forgotten after 100 seconds without one', () => {
    const clock = new FakeClock();
    const logins = new FailedLogins({ addressesMax: 100, delayMsMax: 1000 }, clock);
    for (let failure = 0; failure < 50; failure += 1) logins.failed('192.0.2.1');
    clock.advance(100_000);
    expect(logins.failed('192.0.2.1')).toBe(0);
  });

  it('an attacker with all addresses of a /64 is one address', () => {
    const logins = new FailedLogins({ addressesMax: 100, delayMsMax: 1000 }, new FakeClock());
    for (let host = 0; host < 20; host += 1) logins.failed(`2001:db8::${host.toString(16)}`);
    expect(logins.failed('2001:db8:0:0:ffff::1')).toBe(1000);
    expect(logins.failed('2001:db8:0:1::1')).toBe(0);
  });

  it('the number of addresses has a bound, and those that fail most are kept', () => {
    const logins = new FailedLogins({ addressesMax: 10, delayMsMax: 1000 }, new FakeClock());
    for (let host = 0; host < 200; host += 1) {
      logins.failed(`192.0.2.${host}`);
      logins.failed('198.51.100.1');
    }
    expect(logins.addressCount).toBeLessThanOrEqual(10);
    expect(logins.failed('198.51.100.1')).toBe(1000);
  });
});
