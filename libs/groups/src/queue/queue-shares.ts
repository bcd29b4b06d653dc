import { textMemoryBytes } from '#runtime';
import type { ShareTimes } from './share-context.js';
import type { ShareRecord } from './share-log-records.js';
import { type ReplayedShare, ShareReplay } from './share-replay.js';

/** Bytes of heap of a share partition, and of a record of its window, rounded up. */
const SHARE_BYTES = 2000;
const RECORD_BYTES = 160;

/** A share partition with its place. */
export interface QueueShare extends ReplayedShare {
  readonly topic: string;
  readonly partition: number;
}

/** The share partitions of one queue group, as the records of its log say. */
export class QueueShares {
  readonly #replays = new Map<string, { topic: string; partition: number; replay: ShareReplay }>();
  readonly #times: () => ShareTimes;

  /** @param times clocks that locks and delays run by */
  constructor(times: () => ShareTimes) {
    this.#times = times;
  }

  /** Number of share partitions, with those whose snapshot is not whole. */
  get count(): number {
    return this.#replays.size;
  }

  /** Bytes of memory, as counted. */
  get sizeBytes(): number {
    let bytes = 0;
    for (const { topic, replay } of this.#replays.values()) {
      bytes += SHARE_BYTES + textMemoryBytes(topic) + replay.windowSize * RECORD_BYTES;
    }
    return bytes;
  }

  /** Applies the next record of the log. */
  apply(record: ShareRecord): void {
    const { topic, partition } = record.key;
    const key = keyOf(topic, partition);
    const known = this.#replays.get(key);
    const share = known ?? { topic, partition, replay: new ShareReplay(this.#times) };
    share.replay.take(record);
    if (share.replay.isEmpty) this.#replays.delete(key);
    else if (known === undefined) this.#replays.set(key, share);
  }

  /**
   * A share partition; undefined when there is none for the topic of this id.
   * @throws ProtocolError CORRUPT_MESSAGE when its log lacks a change
   */
  get(topic: string, topicId: string, partition: number): QueueShare | undefined {
    const share = this.#replays.get(keyOf(topic, partition))?.replay.share;
    if (share?.position.topicId !== topicId) return undefined;
    return { topic, partition, ...share };
  }

  /** All whole share partitions. @throws as get */
  *all(): Iterable<QueueShare> {
    for (const { topic, partition, replay } of this.#replays.values()) {
      const { share } = replay;
      if (share !== undefined) yield { topic, partition, ...share };
    }
  }

  /** The epoch of the last snapshot of a share partition, for any topic id; -1 without one. */
  lastEpoch(topic: string, partition: number): number {
    return this.#replays.get(keyOf(topic, partition))?.replay.lastEpoch ?? -1;
  }
}

function keyOf(topic: string, partition: number): string {
  return `${topic} ${partition}`;
}
