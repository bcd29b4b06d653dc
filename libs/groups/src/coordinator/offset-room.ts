import { ProtocolError } from '#protocol';
import type { CommitEntry } from '../state/decide-offsets.js';
import type { Group } from '../state/group.js';

interface OffsetLimits {
  readonly offsetsKeptMax: number;
  readonly offsetsKeptBytes: number;
}

interface OffsetUse {
  readonly offsetCount: number;
  readonly offsetBytes: number;
}

/** The memory for committed offsets on this broker: refuses growth beyond its limits. */
export class OffsetRoom {
  readonly #limits: OffsetLimits;
  readonly #use: () => OffsetUse;
  #refusedTotal = 0;

  /** @param use what is kept now, with changes that are being written */
  constructor(limits: OffsetLimits, use: () => OffsetUse) {
    this.#limits = limits;
    this.#use = use;
  }

  /** Number of refused commits. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  /**
   * Refuses growth beyond the limits. A commit that takes no more memory than before always passes.
   * @throws ProtocolError POLICY_VIOLATION
   */
  assertRoom(group: Group, entries: readonly CommitEntry[]): void {
    const growth = group.offsets.growthOf(
      entries.map(({ topic, partition, ...value }) => {
        return { topic, partition, value: { ...value, committedAtMs: 0 } };
      }),
    );
    const bytes = growth.bytes + (group.isForgotten ? group.offsetBytes : 0);
    const { offsetCount, offsetBytes } = this.#use();
    const { offsetsKeptMax, offsetsKeptBytes } = this.#limits;
    const isCountOver = growth.offsets > 0 && offsetCount + growth.offsets > offsetsKeptMax;
    const isBytesOver = bytes > 0 && offsetBytes + bytes > offsetsKeptBytes;
    if (!isCountOver && !isBytesOver) return;
    this.#refusedTotal += 1;
    throw new ProtocolError(
      'POLICY_VIOLATION',
      isCountOver
        ? `A broker keeps at most ${offsetsKeptMax} committed offsets ` +
            '(SLUICE_OFFSETS_KEPT_MAX).'
        : `A broker keeps at most ${offsetsKeptBytes} bytes of committed offsets with ` +
            'their metadata and group names (SLUICE_OFFSETS_KEPT_BYTES). Commit less metadata, ' +
            'or use fewer groups.',
    );
  }
}
