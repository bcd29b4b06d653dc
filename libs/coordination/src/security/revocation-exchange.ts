/**
 * Spreads revocations: to the other brokers directly, and to the registry. The sets of all of them
 * become their union, whichever of them were away for a time.
 *
 * Overlap: all methods may overlap.
 */

import type { Clock, Logger } from '#runtime';
import type {
  Revocation,
  RevocationResult,
  SecurityDisk,
  SecuritySignatures,
  SignedValue,
} from '#security';
import type { SecurityRegistry, StoredRevocation } from './security-registry.js';

/** Revocations in one message. */
const PER_MESSAGE = 5000;
/** Time that another broker has to obey a revocation, ms. */
const PUSH_TIMEOUT_MS = 800;
/** Longest time between two comparisons with one broker, ms. */
const COMPARED_MS = 10_000;

/** One step of a comparison of two sets. */
export interface RevocationMessage {
  /** Revocations that the other broker may not know. */
  readonly revocations: readonly Revocation[];
  /** The digest of the sender's set: see revocations.ts. */
  readonly digest: string;
  /** Number of revocations of the other broker that the sender has read. */
  readonly from: number;
}

export interface RevocationAnswer {
  readonly digest: string;
  /** Revocations from that position on, unless the sets are equal. */
  readonly revocations: readonly Revocation[];
}

/** The other brokers. */
export interface RevocationPeers {
  /** Ids of all members except this broker. */
  ids(): readonly number[];
  /** @throws when the broker gives no answer */
  exchange(
    brokerId: number,
    message: RevocationMessage,
    timeoutMs: number,
  ): Promise<RevocationAnswer>;
}

export interface RevocationExchangeOptions {
  readonly disk: SecurityDisk;
  readonly registry: SecurityRegistry;
  readonly signatures: SecuritySignatures;
  readonly peers: RevocationPeers;
  readonly brokerId: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The last comparison with another broker. */
interface Comparison {
  readonly digest: string;
  readonly atMs: number;
}

export class RevocationExchange {
  readonly #options: RevocationExchangeOptions;
  readonly #compared = new Map<number, Comparison>();
  readonly #comparing = new Set<number>();
  /** Sizes of both sets after the last comparison with the registry. */
  #settled: { readonly stored: number; readonly own: number } | undefined;

  constructor(options: RevocationExchangeOptions) {
    this.#options = options;
  }

  /**
   * Revokes: on this disk first, then on all brokers that can be reached, then in the registry.
   * @throws when this broker's disk cannot be written
   */
  async revoke(revocations: readonly Revocation[]): Promise<RevocationResult> {
    const { disk, peers, brokerId, logger } = this.#options;
    await disk.revoke(revocations);
    const stored = this.#putIntoRegistry(revocations).catch((error: unknown) => {
      logger.warn({ err: error }, 'revocations could not be stored in Redis yet');
    });
    const others = await Promise.all(
      peers.ids().map(async (id) => ({ id, isApplied: await this.#push(id, revocations) })),
    );
    await stored;
    return {
      appliedBy: [brokerId, ...idsOf(others, true)].toSorted((left, right) => left - right),
      missing: idsOf(others, false),
    };
  }

  /** Answers a message of another broker. */
  async handle({ revocations, digest, from }: RevocationMessage): Promise<RevocationAnswer> {
    const { disk } = this.#options;
    await disk.revoke(revocations);
    if (disk.revocations.digest === digest) return { digest, revocations: [] };
    return { digest: disk.revocations.digest, revocations: this.#slice(from) };
  }

  /** Compares with the brokers whose set may differ; with all of them when `isUrgent`. */
  async compareWithPeers(isUrgent: boolean): Promise<void> {
    const { disk, peers, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const due = peers.ids().filter((id) => {
      const last = this.#compared.get(id);
      const isEqual = last?.digest === disk.revocations.digest;
      return isUrgent || last === undefined || !isEqual || nowMs - last.atMs >= COMPARED_MS;
    });
    await Promise.all(due.map((id) => this.#compare(id)));
  }

  /** Monotonic time since when this broker and so many others have been in contact. */
  contactMs(othersNeeded: number): number {
    if (othersNeeded <= 0) return this.#options.clock.monotonicMs();
    const times = [...this.#compared.values()].map(({ atMs }) => atMs);
    return times.toSorted((left, right) => right - left)[othersNeeded - 1] ?? -Infinity;
  }

  /** The registry was reached again: its set may be another one of the same size. */
  registryReached(): void {
    this.#settled = undefined;
  }

  /**
   * Makes the sets of this broker and of the registry equal, unless nothing has changed since the
   * last time.
   */
  async compareWithRegistry(storedCount: number): Promise<void> {
    const { disk, registry, signatures } = this.#options;
    const own = disk.revocations.size;
    if (this.#settled?.stored === storedCount && this.#settled.own === own) return;
    const stored = await registry.revocations();
    const isKept = (one: StoredRevocation): boolean =>
      signatures.isSigned(signedValue(one), one.signature) && !disk.revocations.isOver(one);
    const kept = stored.filter(isKept);
    await disk.revoke(kept.map(({ subject, keptUntilMs }) => ({ subject, keptUntilMs })));
    const dropped = stored.filter((one) => !isKept(one)).map(({ subject }) => subject);
    if (dropped.length > 0) await registry.removeRevocations(dropped);
    const present = new Set(kept.map(({ subject }) => subject));
    const lacking = [...disk.revocations.all()].filter(
      (one) => !present.has(one.subject) && !disk.revocations.isOver(one),
    );
    await this.#putIntoRegistry(lacking);
    this.#settled = { stored: kept.length + lacking.length, own: disk.revocations.size };
  }

  async #putIntoRegistry(revocations: readonly Revocation[]): Promise<void> {
    const { registry, signatures } = this.#options;
    for (let first = 0; first < revocations.length; first += PER_MESSAGE) {
      const some = revocations.slice(first, first + PER_MESSAGE);
      await registry.putRevocations(
        some.map((one) => ({ ...one, signature: signatures.sign(signedValue(one)) })),
      );
    }
  }

  async #push(id: number, revocations: readonly Revocation[]): Promise<boolean> {
    const { disk, peers, clock, logger } = this.#options;
    try {
      const { digest } = disk.revocations;
      const message = { revocations, digest, from: 0 };
      const answer = await peers.exchange(id, message, PUSH_TIMEOUT_MS);
      if (answer.digest === digest) this.#compared.set(id, { digest, atMs: clock.monotonicMs() });
      return true;
    } catch (error) {
      logger.warn({ err: error, brokerId: id }, 'a broker has not applied a revocation yet');
      this.#compared.delete(id);
      return false;
    }
  }

  async #compare(id: number): Promise<void> {
    if (this.#comparing.has(id)) return;
    this.#comparing.add(id);
    try {
      await this.#exchangeAll(id);
    } catch (error) {
      this.#options.logger.debug({ err: error, brokerId: id }, 'revocations were not compared');
      this.#compared.delete(id);
    } finally {
      this.#comparing.delete(id);
    }
  }

  /** Exchanges both sets in parts until they are equal. */
  async #exchangeAll(id: number): Promise<void> {
    const { disk, peers, clock } = this.#options;
    let from = 0;
    let sent = 0;
    let revocations: readonly Revocation[] = [];
    for (;;) {
      const atMs = clock.monotonicMs();
      const message = { revocations, digest: disk.revocations.digest, from };
      const answer = await peers.exchange(id, message, PUSH_TIMEOUT_MS);
      await disk.revoke(answer.revocations);
      from += answer.revocations.length;
      const { digest } = disk.revocations;
      this.#compared.set(id, { digest, atMs });
      if (answer.digest === digest) return;
      revocations = this.#slice(sent);
      sent += revocations.length;
      if (revocations.length === 0 && answer.revocations.length === 0) return;
    }
  }

  #slice(from: number): Revocation[] {
    const slice: Revocation[] = [];
    let position = 0;
    for (const revocation of this.#options.disk.revocations.all()) {
      if (position >= from + PER_MESSAGE) break;
      if (position >= from) slice.push(revocation);
      position += 1;
    }
    return slice;
  }
}

function signedValue({ subject, keptUntilMs }: Revocation): SignedValue {
  return ['revocation', subject, keptUntilMs];
}

function idsOf(
  brokers: readonly { readonly id: number; readonly isApplied: boolean }[],
  isApplied: boolean,
): number[] {
  return brokers.filter((broker) => broker.isApplied === isApplied).map(({ id }) => id);
}
