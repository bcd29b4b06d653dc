import { expect, it } from 'vitest';
import { FakeClock, SeededRandom } from '#runtime/testing';
import type { Caller } from '../caller.js';
import { TicketOffice } from './ticket-office.js';
import { Tickets } from './tickets.js';

const ALICE: Caller = {
  principal: 'user:alice',
  groups: [],
  isSuperUser: false,
  credential: { kind: 'token' },
  expiresAtMs: 1,
};

it('a ticket of one broker is redeemed once, at whichever broker comes first', async () => {
  const { first, second } = twoOffices();
  const { ticket } = first.issue(ALICE);
  expect(await second.redeem(ticket)).toEqual(ALICE);
  expect(await first.redeem(ticket)).toBeUndefined();
  expect(await second.redeem(ticket)).toBeUndefined();
});

it('refuses a ticket whose broker gives no answer, and says what to do', async () => {
  const { second } = twoOffices();
  const ofNobody = `9.${'a'.repeat(43)}`;
  await expect(second.redeem(ofNobody)).rejects.toMatchObject({
    code: 'SASL_AUTHENTICATION_FAILED',
    message: expect.stringContaining('ask for another ticket'),
  });
  expect(await second.redeem('no ticket')).toBeUndefined();
});

/** Two brokers that reach each other, and no third one. */
function twoOffices(): { readonly first: TicketOffice; readonly second: TicketOffice } {
  const offices = new Map<number, TicketOffice>();
  for (const brokerId of [1, 2]) {
    const limits = { brokerId, lifetimeMs: 30_000, ticketsMax: 100 };
    const tickets = new Tickets(limits, new SeededRandom(brokerId), new FakeClock());
    const redeem = (id: number, ticket: string): Promise<Caller | undefined> => {
      const issuer = offices.get(id);
      if (issuer === undefined) return Promise.reject(new Error('unreachable'));
      return Promise.resolve(issuer.redeemOwn(ticket));
    };
    offices.set(brokerId, new TicketOffice(brokerId, tickets, { redeem }));
  }
  return { first: offices.get(1) as TicketOffice, second: offices.get(2) as TicketOffice };
}
