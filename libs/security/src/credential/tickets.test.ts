import { describe, expect, it } from 'vitest';
import { FakeClock, SeededRandom } from '#runtime/testing';
import type { Caller } from '../caller.js';
import { issuerOfTicket, Tickets } from './tickets.js';

describe('tickets', () => {
  it('a ticket stands for its caller once', () => {
    const { tickets, clock } = issuing();
    const alice = callerOf('user:alice');
    const { ticket, expiresAtMs } = tickets.issue(alice);
    expect(ticket).toMatch(/^3\.[A-Za-z0-9_-]{43}$/);
    expect(expiresAtMs).toBe(clock.nowMs() + 30_000);
    expect(tickets.redeem(ticket)).toBe(alice);
    expect(tickets.redeem(ticket)).toBeUndefined();
    expect(tickets.count).toBe(0);
  });

  it('a ticket ends after its lifetime, by a clock that nobody sets', () => {
    const { tickets, clock } = issuing();
    const [first, second] = [callerOf('user:a'), callerOf('user:b')].map((caller) =>
      tickets.issue(caller),
    );
    clock.setNowMs(clock.nowMs() - 3_600_000);
    clock.advance(29_999);
    expect(tickets.redeem(first?.ticket ?? '')).toBeDefined();
    clock.advance(1);
    expect(tickets.redeem(second?.ticket ?? '')).toBeUndefined();
  });

  it('the number of unused tickets has a bound, of which one principal has a tenth', () => {
    const { tickets, clock } = issuing();
    for (let index = 0; index < 10; index += 1) tickets.issue(callerOf('user:greedy'));
    const throttled = expect.objectContaining({
      code: 'THROTTLING_QUOTA_EXCEEDED',
      bound: 'SLUICE_TICKETS_MAX',
    });
    expect(() => tickets.issue(callerOf('user:greedy'))).toThrow(throttled);
    for (let index = 0; index < 90; index += 1) tickets.issue(callerOf(`user:${index}`));
    expect(() => tickets.issue(callerOf('user:late'))).toThrow(throttled);
    clock.advance(30_000);
    tickets.issue(callerOf('user:greedy'));
    expect(tickets.count).toBe(1);
  });

  it('names its issuer', () => {
    const { tickets } = issuing();
    const { ticket } = tickets.issue(callerOf('user:a'));
    expect(issuerOfTicket(ticket)).toBe(3);
    const texts = ['', '3', '3.x', `-1.${'a'.repeat(43)}`, `3.${'a'.repeat(44)}`, `${ticket}\n`];
    for (const text of texts) expect(issuerOfTicket(text)).toBeUndefined();
  });
});

function issuing() {
  const clock = new FakeClock();
  const options = { brokerId: 3, lifetimeMs: 30_000, ticketsMax: 100 };
  return { tickets: new Tickets(options, new SeededRandom(1), clock), clock };
}

function callerOf(principal: string): Caller {
  const credential = { kind: 'token' } as const;
  return { principal, groups: [], isSuperUser: false, credential, expiresAtMs: null };
}
