import { createHash } from 'node:crypto';
import { ProtocolError } from '#protocol';
import type { Clock, SecretRandom } from '#runtime';
import type { Caller } from '../caller.js';

const SECRET_BYTES = 32;
/** Share of all tickets that one principal may have: one client cannot use up the bound. */
const SHARE_OF_PRINCIPAL = 0.1;

const TICKET_PATTERN = /^(\d{1,10})\.[A-Za-z0-9_-]{43}$/;

export interface TicketsOptions {
  /** The broker that issues the tickets; a ticket begins with it. */
  readonly brokerId: number;
  /** Time within which a ticket is used, ms. */
  readonly lifetimeMs: number;
  /** Tickets that are not used yet. */
  readonly ticketsMax: number;
}

export interface Ticket {
  readonly ticket: string;
  /** Time at which it ends, in ms since the epoch. */
  readonly expiresAtMs: number;
}

interface IssuedTicket {
  readonly caller: Caller;
  /** Monotonic time at which it ends, ms. */
  readonly endsMs: number;
}

/**
 * The tickets that this broker has issued and that nobody has used. A ticket stands for its caller
 * once: a browser puts it into a URL, where it may be logged.
 *
 * Only hashes are kept, and only in memory.
 */
export class Tickets {
  readonly #options: TicketsOptions;
  readonly #random: SecretRandom;
  readonly #clock: Clock;
  /** Unused tickets by their hash; the oldest is the first to end. */
  readonly #issued = new Map<string, IssuedTicket>();
  readonly #counts = new Map<string, number>();
  #issuedTotal = 0;

  constructor(options: TicketsOptions, random: SecretRandom, clock: Clock) {
    this.#options = options;
    this.#random = random;
    this.#clock = clock;
  }

  get count(): number {
    return this.#issued.size;
  }

  /** Tickets issued since the start. */
  get issuedTotal(): number {
    return this.#issuedTotal;
  }

  /** @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if too many tickets are not used yet */
  issue(caller: Caller): Ticket {
    const { brokerId, lifetimeMs, ticketsMax } = this.#options;
    this.#forgetEnded();
    const own = this.#counts.get(caller.principal) ?? 0;
    if (this.#issued.size >= ticketsMax || own >= Math.ceil(ticketsMax * SHARE_OF_PRINCIPAL)) {
      throw tooManyTickets(ticketsMax, lifetimeMs);
    }
    const ticket = `${brokerId}.${this.#random.bytes(SECRET_BYTES).toString('base64url')}`;
    const endsMs = this.#clock.monotonicMs() + lifetimeMs;
    this.#issued.set(hashOf(ticket), { caller, endsMs });
    this.#counts.set(caller.principal, own + 1);
    this.#issuedTotal += 1;
    return { ticket, expiresAtMs: this.#clock.nowMs() + lifetimeMs };
  }

  /** Returns the caller of a ticket of this broker, once; undefined for every other text. */
  redeem(ticket: string): Caller | undefined {
    const hash = hashOf(ticket);
    const issued = this.#issued.get(hash);
    if (issued === undefined) return undefined;
    this.#forget(hash, issued);
    return this.#clock.monotonicMs() < issued.endsMs ? issued.caller : undefined;
  }

  #forgetEnded(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [hash, issued] of this.#issued) {
      if (nowMs < issued.endsMs) return;
      this.#forget(hash, issued);
    }
  }

  #forget(hash: string, { caller: { principal } }: IssuedTicket): void {
    this.#issued.delete(hash);
    const left = (this.#counts.get(principal) ?? 1) - 1;
    if (left === 0) this.#counts.delete(principal);
    else this.#counts.set(principal, left);
  }
}

/** Returns the id of the broker that issued a ticket; undefined if the text is not a ticket. */
export function issuerOfTicket(text: string): number | undefined {
  const id = TICKET_PATTERN.exec(text)?.[1];
  return id === undefined ? undefined : Number(id);
}

function hashOf(ticket: string): string {
  return createHash('sha256').update(ticket).digest('base64');
}

function tooManyTickets(ticketsMax: number, retryAfterMs: number): ProtocolError {
  return new ProtocolError(
    'THROTTLING_QUOTA_EXCEEDED',
    `Too many tickets are not used yet: ${ticketsMax} in all, and a tenth of them for one ` +
      'principal (SLUICE_TICKETS_MAX).',
    { outcome: 'failed', retryAfterMs, bound: 'SLUICE_TICKETS_MAX' },
  );
}
