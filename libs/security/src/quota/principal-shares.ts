import { ProtocolError } from '#protocol';

/** The bounds of which every principal has a share. */
export const SHARED_BOUNDS = [
  'connections',
  'requestMemory',
  'longPolls',
  'cursors',
  'subscriptionMemory',
] as const;

export type SharedBound = (typeof SHARED_BOUNDS)[number];

/** The principal of everything that comes before a credential. */
export const UNIDENTIFIED = '';

const SETTING = 'SLUICE_PRINCIPAL_SHARE_PERCENT';

/** A bound for all callers together. */
export interface BoundOfAll {
  readonly max: number;
  /** The setting of the bound. */
  readonly variable: string;
  /** Least amount that every principal may hold, for what comes in large pieces. */
  readonly shareMin?: number;
}

/** The use of one bound. */
export interface ShareStatus {
  /** Amount that one principal may hold. */
  readonly shareMax: number;
  /** Principals that hold a part of it. */
  readonly principals: number;
  /** Largest amount that one of them holds. */
  readonly largest: number;
  /** Uses refused since the start because the share of their principal was used up. */
  readonly refusedTotal: number;
}

interface HeldAmount {
  amount: number;
}

interface BoundShares {
  readonly variable: string;
  readonly shareMax: number;
  /** Amounts by principal; one that holds nothing is absent. */
  readonly held: Map<string, HeldAmount>;
  refusedTotal: number;
}

/**
 * The shares of principals in the bounds that all callers have in common, so that none takes the
 * whole of a bound. The bound itself is enforced by its owner.
 *
 * Only principals that hold something are remembered, so the bounds bound the memory as well.
 */
export class PrincipalShares {
  readonly #bounds: Readonly<Record<SharedBound, BoundShares>>;

  /** @param percent share of one principal in each bound, from 1 to 100 */
  constructor(bounds: Readonly<Record<SharedBound, BoundOfAll>>, percent: number) {
    const sharesOf = ({ max, variable, shareMin = 1 }: BoundOfAll): BoundShares => {
      const shareMax = Math.min(max, Math.max(Math.ceil((max * percent) / 100), shareMin));
      return { variable, shareMax, held: new Map(), refusedTotal: 0 };
    };
    this.#bounds = {
      connections: sharesOf(bounds.connections),
      requestMemory: sharesOf(bounds.requestMemory),
      longPolls: sharesOf(bounds.longPolls),
      cursors: sharesOf(bounds.cursors),
      subscriptionMemory: sharesOf(bounds.subscriptionMemory),
    };
  }

  /** The amount that a principal holds. */
  held(bound: SharedBound, principal: string): number {
    return this.#bounds[bound].held.get(principal)?.amount ?? 0;
  }

  /**
   * Takes an amount for a principal; give it back as often.
   * @throws ProtocolError THROTTLING_QUOTA_EXCEEDED if its share is used up; then nothing is taken
   */
  take(bound: SharedBound, principal: string, amount: number): void {
    const shares = this.#bounds[bound];
    const held = shares.held.get(principal);
    if ((held?.amount ?? 0) + amount > shares.shareMax) {
      shares.refusedTotal += 1;
      throw usedUp(shares);
    }
    add(shares, principal, held, amount);
  }

  /** Takes an amount that is in use already and is given back soon; it never refuses. */
  takeAnyway(bound: SharedBound, principal: string, amount: number): void {
    const shares = this.#bounds[bound];
    add(shares, principal, shares.held.get(principal), amount);
  }

  give(bound: SharedBound, principal: string, amount: number): void {
    const shares = this.#bounds[bound];
    const held = shares.held.get(principal);
    if (held === undefined) return;
    held.amount -= amount;
    if (held.amount <= 0) shares.held.delete(principal);
  }

  status(): ReadonlyMap<SharedBound, ShareStatus> {
    return new Map(SHARED_BOUNDS.map((bound) => [bound, statusOf(this.#bounds[bound])]));
  }
}

function add(
  { held }: BoundShares,
  principal: string,
  known: HeldAmount | undefined,
  amount: number,
): void {
  if (known !== undefined) known.amount += amount;
  else if (amount > 0) held.set(principal, { amount });
}

function statusOf({ shareMax, held, refusedTotal }: BoundShares): ShareStatus {
  let largest = 0;
  for (const { amount } of held.values()) largest = Math.max(largest, amount);
  return { shareMax, principals: held.size, largest, refusedTotal };
}

function usedUp({ shareMax, variable }: BoundShares): ProtocolError {
  return new ProtocolError(
    'THROTTLING_QUOTA_EXCEEDED',
    `This principal uses all of its share at this broker, ${shareMax} (${variable}, ${SETTING}).`,
    { outcome: 'failed', bound: SETTING },
  );
}
