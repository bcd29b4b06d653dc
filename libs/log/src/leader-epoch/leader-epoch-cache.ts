import type { LeaderEpoch } from '#protocol';
import { assert, type FileSystem, type Logger } from '#runtime';
import { CheckpointFile, type CheckpointFormat } from '../checkpoint/checkpoint-file.js';

/** A leader epoch and the first offset that was, or would be, written in it. */
export interface EpochEntry {
  readonly epoch: LeaderEpoch;
  readonly startOffset: number;
}

/**
 * End of an epoch in this log: the answer to a replica that searches for the point of divergence.
 */
export interface EpochEndOffset {
  readonly epoch: LeaderEpoch;
  readonly endOffset: number;
}

const FORMAT: CheckpointFormat<EpochEntry> = {
  format: ({ epoch, startOffset }) => `${epoch} ${startOffset}`,
  parse: (line) => {
    const match = /^(\d+) (\d+)$/.exec(line);
    if (match === null) return undefined;
    const entry = { epoch: Number(match[1]), startOffset: Number(match[2]) };
    return Number.isSafeInteger(entry.startOffset) ? entry : undefined;
  },
};

/**
 * The leader epoch of each offset of a log, kept in `leader-epoch-checkpoint` (Kafka's
 * LeaderEpochFileCache, KIP-101).
 *
 * Invariants: epochs and start offsets both strictly increase. Once `assign` has resolved, the file
 * has the entry: nothing may be written or answered in an epoch before that. Dropped entries may
 * reach the file later, because the next start repeats both truncations against the real log.
 *
 * Overlap: calls may overlap. Memory changes at once, and the file follows; after a failed write
 * the cache is *behind*, and the next `assign` or `flush` writes everything again.
 */
export class LeaderEpochCache {
  #entries: readonly EpochEntry[] = [];
  /** Counts changes of the entries; the file has those up to `#writtenVersion`. */
  #version = 0;
  #writtenVersion = 0;
  /** Version of the newest added entry. */
  #assignedVersion = 0;
  readonly #file: CheckpointFile<EpochEntry>;

  readonly #logger: Logger;

  private constructor(file: CheckpointFile<EpochEntry>, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
  }

  /**
   * @param logger warns when an entry is dropped because a new one conflicts with it
   * @throws CorruptCheckpointError
   */
  static async open(
    fileSystem: FileSystem,
    path: string,
    logger: Logger,
  ): Promise<LeaderEpochCache> {
    const cache = new LeaderEpochCache(new CheckpointFile(fileSystem, path, FORMAT), logger);
    // Entries are added by the rule for new ones: an entry that conflicts with a later line is
    // dropped.
    for (const entry of await cache.#file.read()) cache.#add(entry);
    cache.#writtenVersion = cache.#version;
    return cache;
  }

  get entries(): readonly EpochEntry[] {
    return this.#entries;
  }

  get latestEpoch(): LeaderEpoch | undefined {
    return this.#entries.at(-1)?.epoch;
  }

  /**
   * Records that `epoch` begins at `startOffset`: a leader calls it with its log end, recovery and
   * followers for each batch. Does nothing when the epoch is known. Resolves when the file has the
   * entry.
   */
  async assign(epoch: LeaderEpoch, startOffset: number): Promise<void> {
    assert(epoch >= 0 && startOffset >= 0, `leader epoch ${epoch} at ${startOffset}`);
    this.#add({ epoch, startOffset });
    await this.flush();
  }

  /**
   * Works like `assign`, but written by a later `flush`: for recovery, which reads many batches.
   */
  assignUnflushed(epoch: LeaderEpoch, startOffset: number): void {
    this.#add({ epoch, startOffset });
  }

  /**
   * True when the file lacks an entry because a write failed: nothing may be written before
   * `flush`.
   */
  get lacksEntry(): boolean {
    return this.#writtenVersion < this.#assignedVersion;
  }

  /** Makes the file equal to memory, durably. */
  async flush(): Promise<void> {
    const version = this.#version;
    if (this.#writtenVersion >= version) return;
    await this.#file.write(this.#entries);
    this.#writtenVersion = Math.max(this.#writtenVersion, version);
  }

  /** Returns the epoch that an offset was written in; undefined below the first known epoch. */
  epochForOffset(offset: number): LeaderEpoch | undefined {
    return this.#entries.findLast((entry) => entry.startOffset <= offset)?.epoch;
  }

  /**
   * Returns the end of the greatest epoch at or below the requested one.
   * @returns undefined when the requested epoch is above every known one, or none is known
   */
  endOffsetFor(requested: LeaderEpoch, logEndOffset: number): EpochEndOffset | undefined {
    const latest = this.#entries.at(-1);
    const first = this.#entries[0];
    if (latest === undefined || first === undefined || requested > latest.epoch) return undefined;
    if (requested === latest.epoch) return { epoch: requested, endOffset: logEndOffset };
    const next = this.#entries.findIndex((entry) => entry.epoch > requested);
    const endOffset = this.#entries[next]?.startOffset ?? logEndOffset;
    return { epoch: this.#entries[next - 1]?.epoch ?? requested, endOffset };
  }

  /**
   * Removes every epoch that begins at or above `offset`, the new log end; a later `flush` persists
   * it.
   */
  truncateFromEnd(offset: number): void {
    this.#replace(this.#entries.filter((entry) => entry.startOffset < offset));
  }

  /** Lets the log begin at `offset`, in the epoch of that offset; a later `flush` persists it. */
  truncateFromStart(offset: number): void {
    const lastDropped = this.#entries.findLast((entry) => entry.startOffset <= offset);
    if (lastDropped === undefined || lastDropped.startOffset === offset) {
      this.#replace(this.#entries.filter((entry) => entry.startOffset >= offset));
      return;
    }
    const kept = this.#entries.filter((entry) => entry.startOffset > offset);
    this.#replace([{ epoch: lastDropped.epoch, startOffset: offset }, ...kept]);
  }

  #add(entry: EpochEntry): void {
    const latest = this.#entries.at(-1);
    const isKnown = latest?.epoch === entry.epoch && latest.startOffset <= entry.startOffset;
    if (isKnown) return;
    const kept = this.#entries.filter((old) => {
      return old.epoch < entry.epoch && old.startOffset < entry.startOffset;
    });
    const dropped = this.#entries.slice(kept.length);
    if (dropped.length > 0) {
      this.#logger.warn(
        { path: this.#file.path, entry, dropped },
        'a new leader epoch conflicts with recorded ones, which are dropped',
      );
    }
    this.#entries = [...kept, entry];
    this.#version += 1;
    this.#assignedVersion = this.#version;
  }

  #replace(entries: readonly EpochEntry[]): void {
    if (entries.length === this.#entries.length && entries[0] === this.#entries[0]) return;
    this.#entries = entries;
    this.#version += 1;
  }
}
