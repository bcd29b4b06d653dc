/**
 * What a partition's leader knows of its replicas in one leader epoch, and what follows from it:
 * how far the high watermark may rise, and which ISR is wanted. No I/O, no clock. A leader that is
 * the only replica has a state without followers: its high watermark is its own synced end.
 *
 * Invariants (replication-safety 2 to 4):
 * - the high watermark rises to the least synced end of the *maximal* ISR alone: the committed
 *   ISR, the proposed one while it is not known whether it was taken, and every replica that was
 *   removed until the rest has the removal on disk. A follower that has not fetched in this epoch
 *   counts as having nothing
 * - it does not rise while fewer than min.insync.replicas are in sync, counted in the smaller of
 *   the committed and the proposed ISR
 * - a follower joins the ISR only from the high watermark and the start of this epoch on
 */
import type { IsrMember, PartitionMetadata } from '#coordination';
import type { Offset } from '#protocol';

/**
 * What a follower says of itself with a fetch that the leader has found to continue its own log.
 */
export interface FollowerPosition {
  readonly brokerEpoch: number;
  readonly logEndOffset: Offset;
  readonly syncedEndOffset: Offset;
}

/** An ISR that the leader wants, and in which partition epoch it wants it. */
export interface WantedIsr {
  readonly partitionEpoch: number;
  readonly isr: readonly IsrMember[];
}

/** What a leader decides by which ISR it wants. */
export interface IsrInputs {
  readonly nowMs: number;
  readonly lagTimeMaxMs: number;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  /** Whether this process of the broker is registered and alive. */
  readonly isAlive: (id: number, brokerEpoch: number) => boolean;
  /** When a broker's session was last seen, monotonic; undefined when it has none. */
  readonly seenMs: (id: number) => number | undefined;
}

/** How far the log of a replica reaches. */
export interface ReplicaEnd {
  readonly broker: number;
  readonly logEndOffset: Offset;
}

interface Follower {
  readonly id: number;
  /** Undefined until it has fetched in this epoch. */
  position: FollowerPosition | undefined;
  /**
   * Whether it has fetched since it left the ISR: what it had before says nothing of what it does
   * now.
   */
  mayRejoin: boolean;
  /** Version of the metadata that it has on disk. */
  journaledVersion: number;
  /** When it last had everything that the leader had. */
  caughtUpMs: number;
  /** The leader's log end when it was last handed records or asked for some, and when that was. */
  offeredEnd: Offset;
  offeredMs: number;
}

export class LeaderState {
  /**
   * Where the log ended when this epoch began: up to here nothing is known to be committed at
   * first.
   */
  readonly epochStartOffset: Offset;
  readonly #brokerId: number;
  #metadata: PartitionMetadata;
  readonly #followers = new Map<number, Follower>();
  #proposal: WantedIsr | undefined;
  /**
   * Removed replicas that the high watermark may not pass before the others know of the removal.
   */
  readonly #unprovenRemovals = new Set<number>();
  /** Version of the metadata that proves them. */
  #removalVersion = -1;

  /** @param version of the cluster's metadata in which `metadata` stands */
  constructor(
    brokerId: number,
    metadata: PartitionMetadata,
    { version, epochStartOffset, nowMs }: LeaderStateStart,
  ) {
    this.#brokerId = brokerId;
    this.#metadata = metadata;
    this.epochStartOffset = epochStartOffset;
    for (const id of metadata.replicas) {
      if (id === brokerId) continue;
      const isInSync = metadata.isr.includes(id);
      this.#addFollower(id, isInSync ? nowMs : Number.NEGATIVE_INFINITY);
      // A leader that was in sync before may be among them: others must know that it leads no more.
      // Who is no replica any more has left with the beginning of this epoch, or before: whoever
      // fetches in it knows.
      if (!isInSync) this.#unprovenRemovals.add(id);
    }
    this.#removalVersion = version;
  }

  get metadata(): PartitionMetadata {
    return this.#metadata;
  }

  /** The ISR that is waited for, while that is not settled. */
  get proposal(): WantedIsr | undefined {
    return this.#proposal;
  }

  /**
   * The smaller of the committed and the proposed ISR: what min.insync.replicas is compared with.
   */
  get inSyncCount(): number {
    const committed = this.#metadata.isr.length;
    return this.#proposal === undefined
      ? committed
      : Math.min(committed, this.#proposal.isr.length);
  }

  /** Whether the removal of a replica is not known to all that are left. */
  get hasUnprovenRemovals(): boolean {
    return this.#unprovenRemovals.size > 0;
  }

  /**
   * Takes over the metadata of a later partition epoch of this leader epoch; what was proposed
   * before it is settled.
   */
  update(metadata: PartitionMetadata, version: number): void {
    const maximalBefore = this.#maximalIsr();
    this.#metadata = metadata;
    if (this.#proposal !== undefined && metadata.partitionEpoch > this.#proposal.partitionEpoch) {
      this.#proposal = undefined;
    }
    for (const id of metadata.replicas) {
      if (id !== this.#brokerId && !this.#followers.has(id)) {
        this.#addFollower(id, Number.NEGATIVE_INFINITY);
      }
    }
    for (const id of maximalBefore) {
      if (id === this.#brokerId || metadata.isr.includes(id)) continue;
      const follower = this.#followers.get(id);
      if (follower !== undefined) follower.mayRejoin = false;
      this.#unprovenRemovals.add(id);
      this.#removalVersion = version;
    }
    for (const id of metadata.isr) this.#unprovenRemovals.delete(id);
    for (const id of this.#followers.keys()) {
      const isKept = metadata.replicas.includes(id) || this.#unprovenRemovals.has(id);
      if (!isKept) this.#followers.delete(id);
    }
  }

  /** Of those that have fetched in this epoch. */
  followerEnds(): ReplicaEnd[] {
    return [...this.#followers.values()].flatMap(({ id, position }) =>
      position === undefined ? [] : [{ broker: id, logEndOffset: position.logEndOffset }],
    );
  }

  /** Takes note of a follower's position. */
  followerFetched(
    id: number,
    position: FollowerPosition,
    at: { end: Offset; nowMs: number },
  ): void {
    const follower = this.#followers.get(id);
    if (follower === undefined) return;
    const { syncedEndOffset } = position;
    if (syncedEndOffset >= at.end) {
      follower.caughtUpMs = at.nowMs;
    } else if (syncedEndOffset >= follower.offeredEnd) {
      follower.caughtUpMs = Math.max(follower.caughtUpMs, follower.offeredMs);
    }
    follower.position = position;
    follower.mayRejoin = true;
    follower.offeredEnd = at.end;
    follower.offeredMs = at.nowMs;
  }

  /** Takes note of records that are handed to a follower, which had everything until they came. */
  followerAnswered(id: number, at: { end: Offset; nowMs: number }): void {
    const follower = this.#followers.get(id);
    if (follower?.position === undefined) return;
    if (follower.position.syncedEndOffset >= follower.offeredEnd) follower.caughtUpMs = at.nowMs;
    follower.offeredEnd = at.end;
    follower.offeredMs = at.nowMs;
  }

  /** Takes note of what a broker says it has of the cluster's metadata on its disk. */
  followerJournaled(id: number, version: number): void {
    const follower = this.#followers.get(id);
    if (follower !== undefined) {
      follower.journaledVersion = Math.max(follower.journaledVersion, version);
    }
  }

  /**
   * How far the high watermark may rise now; undefined when it may not.
   * @param own what the leader itself has on its disk
   */
  highWatermarkBound(
    own: { readonly syncedEndOffset: Offset; readonly journaledVersion: number },
    minInsyncReplicas: number,
  ): Offset | undefined {
    if (this.inSyncCount < minInsyncReplicas) return undefined;
    this.#proveRemovals(own.journaledVersion);
    let bound = own.syncedEndOffset;
    for (const follower of this.#followers.values()) {
      if (!this.#isInMaximalIsr(follower.id)) continue;
      if (follower.position === undefined) return undefined;
      bound = Math.min(bound, follower.position.syncedEndOffset);
    }
    return bound;
  }

  /**
   * The ISR that should be, when it is another one than is and none is proposed: without those that
   * lag, with those that have caught up.
   */
  wantedIsr(inputs: IsrInputs): WantedIsr | undefined {
    if (this.#proposal !== undefined || this.#followers.size === 0) return undefined;
    const { isr, partitionEpoch } = this.#metadata;
    const members: IsrMember[] = [];
    let changes = 0;
    for (const id of isr) {
      if (id === this.#brokerId || !this.#isLagging(id, inputs))
        members.push({ id, brokerEpoch: null });
      else changes += 1;
    }
    for (const follower of this.#followers.values()) {
      const { id, position } = follower;
      if (position === undefined || !this.#mayJoin(follower, inputs)) continue;
      members.push({ id, brokerEpoch: position.brokerEpoch });
      changes += 1;
    }
    return changes === 0 ? undefined : { partitionEpoch, isr: members };
  }

  /** Time in which this process stood still is nobody's lag. */
  forgiveStall(stallMs: number): void {
    for (const follower of this.#followers.values()) follower.caughtUpMs += stallMs;
  }

  /** From now on it is not known which of the two ISRs is the committed one. */
  propose(wanted: WantedIsr): void {
    this.#proposal = wanted;
  }

  /** The proposal was surely not taken, and will not be. */
  withdraw(proposal: WantedIsr): void {
    if (this.#proposal === proposal) this.#proposal = undefined;
  }

  #addFollower(id: number, caughtUpMs: number): void {
    this.#followers.set(id, {
      id,
      position: undefined,
      mayRejoin: false,
      journaledVersion: -1,
      caughtUpMs,
      offeredEnd: Number.POSITIVE_INFINITY,
      offeredMs: Number.NEGATIVE_INFINITY,
    });
  }

  #maximalIsr(): number[] {
    const ids = new Set(this.#metadata.isr);
    for (const { id } of this.#proposal?.isr ?? []) ids.add(id);
    return [...ids];
  }

  #isInMaximalIsr(id: number): boolean {
    return (
      this.#metadata.isr.includes(id) ||
      this.#proposal?.isr.some((member) => member.id === id) === true ||
      this.#unprovenRemovals.has(id)
    );
  }

  /** A removal is proven once every broker that stays has it on its disk. */
  #proveRemovals(ownJournaledVersion: number): void {
    if (this.#unprovenRemovals.size === 0 || ownJournaledVersion < this.#removalVersion) return;
    const { isr } = this.#metadata;
    const isProven = isr.every((id) => {
      if (id === this.#brokerId) return true;
      return (this.#followers.get(id)?.journaledVersion ?? -1) >= this.#removalVersion;
    });
    if (isProven) this.#unprovenRemovals.clear();
  }

  #isLagging(id: number, { nowMs, lagTimeMaxMs, logEndOffset, seenMs }: IsrInputs): boolean {
    const follower = this.#followers.get(id);
    if (follower === undefined) return false;
    const { position } = follower;
    if (position !== undefined && position.syncedEndOffset >= logEndOffset) {
      follower.caughtUpMs = Math.max(follower.caughtUpMs, seenMs(id) ?? follower.caughtUpMs);
    }
    return nowMs - follower.caughtUpMs > lagTimeMaxMs;
  }

  #mayJoin(follower: Follower, { highWatermark, isAlive }: IsrInputs): boolean {
    const { id, position, mayRejoin } = follower;
    const { isr, replicas } = this.#metadata;
    if (position === undefined || !mayRejoin) return false;
    if (isr.includes(id) || !replicas.includes(id)) return false;
    const { syncedEndOffset, brokerEpoch } = position;
    return (
      syncedEndOffset >= highWatermark &&
      syncedEndOffset >= this.epochStartOffset &&
      isAlive(id, brokerEpoch)
    );
  }
}

/** Where and when a leadership begins. */
export interface LeaderStateStart {
  readonly version: number;
  readonly epochStartOffset: Offset;
  /** Monotonic. */
  readonly nowMs: number;
}
