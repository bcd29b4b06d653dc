import type { Position, RecordJson, TopicPartition } from '../received-record.js';
import { lostError, SluiceError } from '../sluice-error.js';
import { RunBuffer } from '../subscription/record-runs.js';
import { observed } from '../waiting.js';
import type { LinkEvents, RunDetails } from './group-link.js';
import type { PartitionsListener } from './options.js';
import { OwnedPartition } from './owned-partition.js';

export interface AssignmentListeners {
  readonly onAssigned?: PartitionsListener | undefined;
  readonly onRevoked?: PartitionsListener | undefined;
  readonly onLost?: PartitionsListener | undefined;
}

export interface AssignmentOptions {
  readonly listeners: AssignmentListeners;
  /** Records of a paused partition that wait; further ones are dropped and read again. */
  readonly pausedRecordsMax: number;
  /** Commits what the program has finished of partitions that move. */
  beforeRevoked(partitions: readonly OwnedPartition[]): Promise<void>;
  /** Tells the group that partitions may move. */
  release(partitions: readonly TopicPartition[]): void;
  failed(error: unknown): void;
}

/**
 * The partitions that a member owns, and their records that wait for the program.
 *
 * Overlap: reports of the group come one after the other; a revocation that waits for the program
 * overlaps with later ones of other partitions.
 */
export class Assignment implements LinkEvents {
  readonly buffer = new RunBuffer();
  readonly #owned = new Map<string, OwnedPartition>();
  readonly #options: AssignmentOptions;

  constructor(options: AssignmentOptions) {
    this.#options = options;
  }

  get all(): OwnedPartition[] {
    return [...this.#owned.values()];
  }

  get({ topic, partition }: TopicPartition): OwnedPartition | undefined {
    return this.#owned.get(`${topic}:${partition}`);
  }

  /** @throws SluiceError ILLEGAL_GENERATION */
  owned(target: TopicPartition): OwnedPartition {
    const found = this.get(target);
    if (found !== undefined) return found;
    const detail = `This member does not own partition ${target.partition} of "${target.topic}".`;
    throw new SluiceError('ILLEGAL_GENERATION', detail, { outcome: 'failed' });
  }

  assigned(partitions: readonly (TopicPartition | Position)[], isComplete: boolean): void {
    if (isComplete) {
      const isGone = (one: OwnedPartition): boolean =>
        !one.isRevoking &&
        !partitions.some((other) => other.topic === one.topic && other.partition === one.partition);
      const gone = this.all.filter(isGone);
      if (gone.length > 0) this.lost(gone, lostError());
    }
    const added = partitions
      .filter((target) => this.get(target)?.isRevoking !== false)
      .map((target) => new OwnedPartition(target, 'offset' in target ? target.offset : -1));
    if (added.length === 0) return;
    for (const one of added) this.#owned.set(`${one.topic}:${one.partition}`, one);
    void this.#ready(added);
  }

  revoking(partitions: readonly TopicPartition[]): void {
    const revoked = partitions
      .flatMap((target) => this.get(target) ?? [])
      .filter((one) => !one.isRevoking);
    for (const one of revoked) {
      one.isRevoking = true;
      this.buffer.drop(one);
    }
    if (revoked.length > 0) void observed(this.#revoke(revoked));
  }

  lost(partitions: readonly TopicPartition[] | undefined, reason: unknown): void {
    const gone = (partitions ?? this.all).flatMap((target) => this.get(target) ?? []);
    for (const one of gone) {
      this.#remove(one);
      one.lost.abort(reason);
      one.returned.notify();
    }
    if (gone.length > 0) void this.#tell('onLost', gone);
  }

  records(target: TopicPartition, records: readonly RecordJson[], details: RunDetails): void {
    const one = this.get(target);
    if (one === undefined || one.isRevoking) return;
    const [first] = records;
    if (
      one.isPaused &&
      first !== undefined &&
      this.#waiting(one) >= this.#options.pausedRecordsMax
    ) {
      one.droppedFrom ??= Math.max(one.received, first.offset);
    }
    if (one.droppedFrom !== undefined) return;
    one.leaderEpoch = details.leaderEpoch;
    this.buffer.push(one, records, details.highWatermark);
  }

  moved(position: Position): void {
    const one = this.get(position);
    if (one !== undefined) one.received = position.offset;
  }

  sought(position: Position): void {
    const one = this.get(position);
    if (one === undefined) return;
    this.buffer.drop(one);
    one.received = position.offset;
    one.given = position.offset;
    one.committed = -1;
    one.droppedFrom = undefined;
  }

  failed(error: unknown): void {
    this.lost(undefined, error);
    this.#options.failed(error);
  }

  /** Gives all partitions up, as a member does that leaves. */
  async surrender(): Promise<void> {
    const all = this.all.filter((one) => !one.isRevoking);
    for (const one of all) one.isRevoking = true;
    if (all.length > 0) await this.#giveUp(all);
  }

  async #ready(added: readonly OwnedPartition[]): Promise<void> {
    await this.#tell('onAssigned', added);
    for (const one of added) one.isReady = true;
    this.buffer.arrived.notify();
  }

  #waiting(one: OwnedPartition): number {
    return this.buffer.runs
      .filter(({ progress }) => progress === one)
      .reduce((sum, { records, at }) => sum + records.length - at, 0);
  }

  async #revoke(revoked: readonly OwnedPartition[]): Promise<void> {
    await Promise.all(revoked.map((one) => one.drained()));
    const rest = revoked.filter((one) => !one.isLost);
    if (rest.length === 0) return;
    await this.#giveUp(rest);
    this.#options.release(rest.map(({ target }) => target));
  }

  async #giveUp(partitions: readonly OwnedPartition[]): Promise<void> {
    await this.#options.beforeRevoked(partitions).catch(() => undefined);
    await this.#tell('onRevoked', partitions);
    for (const one of partitions) this.#remove(one);
  }

  #remove(one: OwnedPartition): void {
    this.buffer.drop(one);
    if (this.get(one) === one) this.#owned.delete(`${one.topic}:${one.partition}`);
  }

  /** Calls a listener of the program; its error ends the consumer. Never rejects. */
  async #tell(
    name: keyof AssignmentListeners,
    partitions: readonly OwnedPartition[],
  ): Promise<void> {
    try {
      await this.#options.listeners[name]?.(partitions.map(({ target }) => target));
    } catch (error) {
      this.#options.failed(error);
    }
  }
}
