import type { Offset } from '#protocol';
import type { FileSystem } from '#runtime';
import { CheckpointFile, type CheckpointFormat } from './checkpoint-file.js';

const FORMAT: CheckpointFormat<Offset> = {
  format: (baseOffset) => `${baseOffset}`,
  parse: (line) => {
    const baseOffset = /^\d+$/.test(line) ? Number(line) : Number.NaN;
    return Number.isSafeInteger(baseOffset) ? baseOffset : undefined;
  },
};

/**
 * The base offsets of the segments in the compacted part of a log, in
 * `compacted-segments-checkpoint` of the partition's directory. Compaction leaves gaps between
 * offsets, and so the start can tell a missing segment from a gap only by this list. A log without
 * the file has no listed segments; Kafka ignores it.
 *
 * Invariant: every listed segment that is not below the log start exists at every moment. The list
 * loses a segment before that is removed, and gains one after it was written.
 *
 * Overlap: calls must not overlap; they are made in the log's write lane.
 */
export class CompactedSegments {
  /** Base offsets of the listed segments, in ascending order. */
  #baseOffsets: readonly Offset[] = [];
  readonly #file: CheckpointFile<Offset>;

  private constructor(file: CheckpointFile<Offset>) {
    this.#file = file;
  }

  /** @throws CorruptCheckpointError */
  static async open(fileSystem: FileSystem, path: string): Promise<CompactedSegments> {
    const segments = new CompactedSegments(new CheckpointFile(fileSystem, path, FORMAT));
    segments.#baseOffsets = (await segments.#file.read()).toSorted((one, other) => one - other);
    return segments;
  }

  /** Returns the last listed segment between two segments; undefined when there is none. */
  lastBetween(baseOffset: Offset, nextBaseOffset: Offset): Offset | undefined {
    return this.#baseOffsets.findLast((base) => base > baseOffset && base < nextBaseOffset);
  }

  /** Lists exactly these segments; durable when it resolves. */
  async replace(baseOffsets: readonly Offset[]): Promise<void> {
    const present = this.#baseOffsets;
    const isSame =
      present.length === baseOffsets.length && baseOffsets.every((base, i) => base === present[i]);
    if (isSame) return;
    await this.#file.write(baseOffsets);
    this.#baseOffsets = baseOffsets;
  }

  /** Removes the segments that begin above `baseOffset` from the list; durable when it resolves. */
  async dropAbove(baseOffset: Offset): Promise<void> {
    await this.replace(this.#baseOffsets.filter((base) => base <= baseOffset));
  }
}
