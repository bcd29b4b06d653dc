/**
 * The state that a partition's leader has of its replicas in one leader epoch, and the decisions
 * that follow from it: the highest possible high watermark, and the wanted ISR. It does no I/O and
 * has no clock. A leader that is the only replica has no followers here; its high watermark is its
 * own synced end.
 *
 * Invariants (replication-safety 2 to 4):
 * - the high watermark rises only to the lowest synced end of the *maximal* ISR: the committed ISR,
 *   the proposed one while its outcome is unknown, and every removed replica until the others have
 *   the removal on disk. A follower that has not fetched in this epoch counts as empty
 * - it does not rise while fewer than min.insync.replicas are in sync, counted in the smaller of
 *   the committed and the proposed ISR
 * - a follower joins the ISR only from the high watermark and the start of this epoch on
 */
import type { IsrMember, PartitionMetadata } from '#coordination';
import type { Offset } from '#protocol';

/** A follower's position, from a fetch that continues the leader's log. */
export interface FollowerPosition {
  readonly brokerEpoch: number;
  readonly logEndOffset: Offset;
  readonly syncedEndOffset: Offset;
}

/** An ISR that the leader wants, and the partition epoch of the metadata that it would change. */
export interface DesiredIsr {
  readonly partitionEpoch: number;
  readonly isr: readonly IsrMember[];
}

/** The inputs to the leader's decision on the wanted ISR. */
export interface IsrInputs {
  readonly nowMs: number;
  readonly lagTimeMaxMs: number;
  readonly highWatermark: Offset;
  readonly logEndOffset: Offset;
  /** True when this process of the broker is registered and alive. */
  readonly isAlive: (id: number, brokerEpoch: number) => boolean;
  /**
   * Monotonic time in ms at which a broker's session was last seen; undefined without a session.
   */
  readonly seenMs: (id: number) => number | undefined;
}

/** The log end offset of a replica. */
export interface ReplicaEnd {
  readonly broker: number;
  readonly logEndOffset: Offset;
}

interface Follower {
  readonly id: number;
  /** Undefined until it has fetched in this epoch. */
  position: FollowerPosition | undefined;
  /**
   * True when it has fetched since it left the ISR; an earlier position does not let it join again.
   */
  mayRejoin: boolean;
  /** Version of the metadata that it has on disk. */
  journaledVersion: number;
  /** Monotonic time in ms at which it last had all records of the leader. */
  caughtUpMs: number;
  /**
   * The leader's log end when the follower last fetched or was sent records, and the time of that.
   */
  offeredEnd: Offset;
  offeredMs: number;
}

export class LeaderState {
  /**
   * Log end offset when this epoch began. Records below it are not known to be committed at first.
   */
  readonly epochStartOffset: Offset;
  readonly #brokerId: number;
  #metadata: PartitionMetadata;
  readonly #followers = new Map<number, Follower>();
  #proposal: DesiredIsr | undefined;
  /** Removed replicas that limit the high watermark until the others know of the removal. */
  readonly #unprovenRemovals = new Set<number>();
  /** Version of the metadata that contains the removals. */
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
      // Replicas outside the ISR may include an earlier leader: the others must know that it no
      // longer leads. A former replica left when this epoch began or earlier, and every follower
      // that fetches in this epoch knows that.
      if (!isInSync) this.#unprovenRemovals.add(id);
    }
    this.#removalVersion = version;
  }

  get metadata(): PartitionMetadata {
    return this.#metadata;
  }

  /** True when it knows other replicas, which are members of the ISR or may join it. */
  get hasFollowers(): boolean {
    return this.#followers.size > 0;
  }

  /** The proposed ISR, until its outcome is known. */
  get proposal(): DesiredIsr | undefined {
    return this.#proposal;
  }

  /**
   * Size of the smaller of the committed and the proposed ISR, which min.insync.replicas is
   * compared with.
   */
  get inSyncCount(): number {
    const committed = this.#metadata.isr.length;
    return this.#proposal === undefined
      ? committed
      : Math.min(committed, this.#proposal.isr.length);
  }

  /** True when some remaining replica does not know of a removal yet. */
  get hasUnprovenRemovals(): boolean {
    return this.#unprovenRemovals.size > 0;
  }

  /**
   * Applies metadata of a later partition epoch in this leader epoch; it settles earlier proposals.
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

  /** Log ends of the followers that have fetched in this epoch. */
  followerEnds(): ReplicaEnd[] {
    return [...this.#followers.values()].flatMap(({ id, position }) =>
      position === undefined ? [] : [{ broker: id, logEndOffset: position.logEndOffset }],
    );
  }

  /** Records a follower's position. */
  followerFetched(
    id: number,
    position: FollowerPosition,
    observation: { end: Offset; nowMs: number },
  ): void {
    const follower = this.#followers.get(id);
    if (follower === undefined) return;
    const { syncedEndOffset } = position;
    if (syncedEndOffset >= observation.end) {
      follower.caughtUpMs = observation.nowMs;
    } else if (syncedEndOffset >= follower.offeredEnd) {
      follower.caughtUpMs = Math.max(follower.caughtUpMs, follower.offeredMs);
    }
    follower.position = position;
    follower.mayRejoin = true;
    follower.offeredEnd = observation.end;
    follower.offeredMs = observation.nowMs;
  }

  /**
   * Records that a follower is sent records. If it had all earlier ones, it counts as caught up
   * now.
   */
  followerAnswered(id: number, observation: { end: Offset; nowMs: number }): void {
    const follower = this.#followers.get(id);
    if (follower?.position === undefined) return;
    if (follower.position.syncedEndOffset >= follower.offeredEnd) {
      follower.caughtUpMs = observation.nowMs;
    }
    follower.offeredEnd = observation.end;
    follower.offeredMs = observation.nowMs;
  }

  /** Records the version of the metadata that a broker has on its disk. */
  followerJournaled(id: number, version: number): void {
    const follower = this.#followers.get(id);
    if (follower !== undefined) {
      follower.journaledVersion = Math.max(follower.journaledVersion, version);
    }
  }

  /**
   * The highest possible high watermark now; undefined when it may not rise.
   * @param leader the synced end and the journaled version of the leader itself
   */
  highWatermarkBound(
    leader: { readonly syncedEndOffset: Offset; readonly journaledVersion: number },
    minInsyncReplicas: number,
  ): Offset | undefined {
    if (this.inSyncCount < minInsyncReplicas) return undefined;
    this.#proveRemovals(leader.journaledVersion);
    let bound = leader.syncedEndOffset;
    for (const follower of this.#followers.values()) {
      if (!this.#isInMaximalIsr(follower.id)) continue;
      if (follower.position === undefined) return undefined;
      bound = Math.min(bound, follower.position.syncedEndOffset);
    }
    return bound;
  }

  /**
   * The wanted ISR, when it differs from the current one and none is proposed: without lagging
   * replicas, with those that have caught up.
   */
  wantedIsr(inputs: IsrInputs): DesiredIsr | undefined {
    if (this.#proposal !== undefined) return undefined;
    const { isr, partitionEpoch } = this.#metadata;
    const members: IsrMember[] = [];
    let changes = 0;
    for (const id of isr) {
      if (id !== this.#brokerId && this.#isLagging(id, inputs)) changes += 1;
      else members.push({ id, brokerEpoch: null });
    }
    for (const follower of this.#followers.values()) {
      const { id, position } = follower;
      if (position === undefined || !this.#mayJoin(follower, inputs)) continue;
      members.push({ id, brokerEpoch: position.brokerEpoch });
      changes += 1;
    }
    return changes === 0 ? undefined : { partitionEpoch, isr: members };
  }

  /** Excludes a stall of this process from the lag of the followers. */
  forgiveStall(stallMs: number): void {
    for (const follower of this.#followers.values()) follower.caughtUpMs += stallMs;
  }

  /** Records a proposal. Until it is settled, either of the two ISRs may be the committed one. */
  propose(wantedIsr: DesiredIsr): void {
    this.#proposal = wantedIsr;
  }

  /** Drops a proposal that was definitely not accepted and never will be. */
  withdraw(proposal: DesiredIsr): void {
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

/** The start of a leadership. */
export interface LeaderStateStart {
  readonly version: number;
  readonly epochStartOffset: Offset;
  /** Monotonic time in ms. */
  readonly nowMs: number;
}
