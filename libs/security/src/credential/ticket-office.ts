import { ProtocolError } from '#protocol';
import type { Caller } from '../caller.js';
import { issuerOfTicket, type Ticket, type Tickets } from './tickets.js';

/** Redeems tickets at the brokers that issued them. */
export interface TicketPeers {
  /**
   * Returns the caller of a ticket; undefined if it is not valid.
   * @throws if the broker cannot be reached
   */
  redeem(brokerId: number, ticket: string): Promise<Caller | undefined>;
}

/** Numbers of tickets since the start of this broker. */
export interface TicketCounts {
  readonly issuedTotal: number;
  readonly redeemedTotal: number;
  readonly refusedTotal: number;
}

/**
 * Issues the tickets of this broker, and redeems those of every broker of the cluster.
 *
 * Overlap: `redeem` may overlap; a ticket is valid for one of the calls.
 */
export class TicketOffice {
  readonly #brokerId: number;
  readonly #tickets: Tickets;
  readonly #peers: TicketPeers | undefined;
  #redeemedTotal = 0;
  #refusedTotal = 0;

  /** @param peers undefined without a cluster */
  constructor(brokerId: number, tickets: Tickets, peers: TicketPeers | undefined) {
    this.#brokerId = brokerId;
    this.#tickets = tickets;
    this.#peers = peers;
  }

  /** Uses of tickets at this broker since the start, whoever issued them. */
  get counts(): TicketCounts {
    const { issuedTotal } = this.#tickets;
    return { issuedTotal, redeemedTotal: this.#redeemedTotal, refusedTotal: this.#refusedTotal };
  }

  /** Number of tickets that are not used yet. */
  get count(): number {
    return this.#tickets.count;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if too many tickets are not used yet */
  issue(caller: Caller): Ticket {
    return this.#tickets.issue(caller);
  }

  /** Redeems a ticket of this broker for another one. */
  redeemOwn(ticket: string): Caller | undefined {
    return this.#tickets.redeem(ticket);
  }

  /**
   * Returns undefined for a ticket that is not valid.
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED if its broker gives no answer: the ticket may
   *   be used up
   */
  async redeem(ticket: string): Promise<Caller | undefined> {
    const caller = await this.#callerOf(ticket);
    if (caller === undefined) this.#refusedTotal += 1;
    else this.#redeemedTotal += 1;
    return caller;
  }

  async #callerOf(ticket: string): Promise<Caller | undefined> {
    const issuer = issuerOfTicket(ticket);
    if (issuer === undefined) return undefined;
    if (issuer === this.#brokerId) return this.#tickets.redeem(ticket);
    try {
      return await this.#peers?.redeem(issuer, ticket);
    } catch (cause) {
      throw new ProtocolError(
        'SASL_AUTHENTICATION_FAILED',
        'The broker that issued the ticket does not answer: ask for another ticket.',
        { cause },
      );
    }
  }
}
