/**
 * Reads of queue members at this broker: it looks for new records after the scan offset of each
 * partition and for delayed ones that are due, and reads the records that a member gets.
 *
 * Overlap: calls may overlap.
 */
import {
  type DueAnswer,
  type DueQuestion,
  type PartitionAcquisition,
  type PartitionOffer,
  type QueuePollAnswer,
  recordOffer,
} from '#groups';
import { type Offset, ProtocolError, type TopicPartition } from '#protocol';
import type { Clock } from '#runtime';
import type { FetchRequest, FetchResult } from '../broker.js';
import type { Requester } from '../requester.js';
import { type AcquiredRecords, type ReadBatches, readAcquired } from './acquired-reads.js';
import type { PositionReset } from './groups.js';
import { isRefusal } from './member-reads.js';
import type { CursorPosition } from './poll-cursor.js';
import { LOG_WAS_TRUNCATED, positionReset } from './position-resets.js';

/** Partitions that one poll reads at most; the next poll begins with others. */
const PARTITIONS_PER_POLL = 16;
type PartitionToRead = QueuePollAnswer['reads'][number];

/** Bound of a read, and who reads. */
interface QueueReadBounds {
  readonly maxBytes: number;
  /** Undefined while authentication is off. */
  readonly requester?: Requester | undefined;
}

interface QueueReadsOptions {
  readonly fetch: (request: FetchRequest, requester: Requester | undefined) => Promise<FetchResult>;
  /** Lists delayed records of a partition at its leader. */
  readonly listDelayed: (target: TopicPartition, question: DueQuestion) => Promise<DueAnswer>;
  readonly clock: Clock;
}

/** Records of one partition; no batches if the log begins after the offset. */
interface ReadRecords extends ReadBatches {
  readonly logStartOffset: Offset;
  /** Records from it on are no longer in the log, which was truncated. */
  readonly divergingOffset?: Offset;
}

/** Records for the coordinator, and the time at which the next delayed one is due. */
interface FoundRecords {
  readonly offers: readonly PartitionOffer[];
  /** Wall clock, ms; null when none is known. */
  readonly nextAtMs: number | null;
  /** Partitions whose next records are gone. */
  readonly resets: readonly PositionReset[];
}

/** Records of one partition for the coordinator. */
interface FoundInPartition {
  readonly offer: PartitionOffer | undefined;
  readonly nextAtMs: number | null;
  readonly reset: PositionReset | undefined;
}

/** The position of a group in a partition, as a fetch takes it. */
export function scanPosition(read: PartitionToRead): CursorPosition {
  const { topic, partition, scanOffset: offset, scanEpoch: leaderEpoch } = read;
  return { topic, partition, offset, ...(leaderEpoch === undefined ? {} : { leaderEpoch }) };
}

/** The partitions in which a poll looks for records. */
export function partitionsToRead(reads: readonly PartitionToRead[]): PartitionToRead[] {
  return reads.filter(({ room }) => room > 0).slice(0, PARTITIONS_PER_POLL);
}

type ScanEpoch = Required<Pick<PartitionToRead, 'scanEpoch'>>;

const NOTHING_FOUND: FoundInPartition = { offer: undefined, nextAtMs: null, reset: undefined };

export class QueueReads {
  readonly #options: QueueReadsOptions;

  constructor(options: QueueReadsOptions) {
    this.#options = options;
  }

  /** Looks for records in the partitions that have room for them. */
  async find(
    group: string,
    { reads, isKeyOrdered }: Pick<QueuePollAnswer, 'reads' | 'isKeyOrdered'>,
    { maxBytes, requester }: QueueReadBounds,
  ): Promise<FoundRecords> {
    const found = await Promise.all(
      partitionsToRead(reads).map((read) =>
        this.#findIn(read, { group, isKeyOrdered, maxBytes, requester }),
      ),
    );
    const times = found.flatMap(({ nextAtMs }) => (nextAtMs === null ? [] : [nextAtMs]));
    return {
      offers: found.flatMap(({ offer }) => (offer === undefined ? [] : [offer])),
      nextAtMs: times.length === 0 ? null : Math.min(...times),
      resets: found.flatMap(({ reset }) => (reset === undefined ? [] : [reset])),
    };
  }

  /** Reads the records that a member got, up to a number of bytes; see `readAcquired`. */
  read(
    acquired: readonly PartitionAcquisition[],
    { maxBytes, requester }: QueueReadBounds,
  ): Promise<AcquiredRecords> {
    return readAcquired(acquired, maxBytes, (place, offset, bytes) =>
      this.#readFrom(place, offset, { maxBytes: bytes, requester }),
    );
  }

  async #findIn(
    read: PartitionToRead,
    wanted: QueueReadBounds & { readonly group: string; readonly isKeyOrdered: boolean },
  ): Promise<FoundInPartition> {
    const { topic, topicId, partition, scanOffset, scanEpoch } = read;
    const place = { topic, topicId, partition };
    const result = await this.#tryFetch(scanPosition(read), wanted);
    if (result === undefined) return NOTHING_FOUND;
    const { batches, logStartOffset, leaderEpoch, divergingOffset: to } = result;
    if (to !== undefined && scanEpoch !== undefined) {
      return this.#findTruncation({ ...read, scanEpoch }, to, wanted);
    }
    const from = Math.max(scanOffset, logStartOffset);
    const end = batches.at(-1)?.nextOffset ?? from;
    const isNew = end > scanOffset;
    const part = { from, to: end, logStartOffset, leaderEpoch, batches };
    const records = isNew ? recordOffer(part, wanted.group, wanted.isKeyOrdered) : null;
    const due = read.hasPending ? await this.#due(read) : undefined;
    const isDue = due !== undefined && (due.records.length > 0 || due.nextAtMs === null);
    const offer = { ...place, records, due: isDue ? due : null };
    const isEmpty = records === null && !isDue;
    const isGone = logStartOffset > scanOffset;
    const reset = isGone ? positionReset(place, scanOffset, logStartOffset) : undefined;
    return { offer: isEmpty ? undefined : offer, nextAtMs: due?.nextAtMs ?? null, reset };
  }

  /** Goes back to the end of what the group and the log have in common. */
  async #findTruncation(
    { topic, topicId, partition, scanOffset, scanEpoch }: PartitionToRead & ScanEpoch,
    to: Offset,
    { requester }: QueueReadBounds,
  ): Promise<FoundInPartition> {
    // The next poll reads the records there. This read says in which epoch the log has that end.
    const result = await this.#tryFetch(
      { topic, partition, offset: to },
      { maxBytes: 1, requester },
    );
    if (result === undefined || result.leaderEpoch === null) return NOTHING_FOUND;
    const { leaderEpoch } = result;
    const place = { topic, topicId, partition };
    const truncation = { scanOffset, scanEpoch, to, leaderEpoch };
    const reset = positionReset(place, scanOffset, to, LOG_WAS_TRUNCATED);
    return { offer: { ...place, records: null, due: null, truncation }, nextAtMs: null, reset };
  }

  async #due(read: PartitionToRead): Promise<DueAnswer | undefined> {
    const { clock, listDelayed } = this.#options;
    const { topic, partition, due: from, pendingFrom, room: recordsMax } = read;
    try {
      const untilMs = clock.nowMs();
      return await listDelayed({ topic, partition }, { from, pendingFrom, untilMs, recordsMax });
    } catch {
      // The leader does not answer: the next poll asks again.
      return undefined;
    }
  }

  async #readFrom(
    place: { readonly topic: string; readonly partition: number },
    offset: Offset,
    bounds: QueueReadBounds,
  ): Promise<ReadRecords | undefined> {
    const { topic, partition } = place;
    const position = { topic, partition, offset };
    const result = await this.#tryFetch(position, bounds).catch(() => undefined);
    if (result === undefined) return undefined;
    return offset < result.logStartOffset || result.batches.length > 0 ? result : undefined;
  }

  /**
   * Undefined when the leader cannot answer now: the other partitions are served.
   * @throws ProtocolError when the leader refuses the requester
   */
  async #tryFetch(
    position: CursorPosition,
    { maxBytes, requester }: QueueReadBounds,
  ): Promise<ReadRecords | undefined> {
    try {
      const request = { ...position, maxBytes, minBytes: 1, waitMs: 0 };
      return await this.#options.fetch(request, requester);
    } catch (error) {
      if (isRefusal(error)) throw error;
      if (!(error instanceof ProtocolError) || error.code !== 'OFFSET_OUT_OF_RANGE') {
        return undefined;
      }
      const { logStartOffset, highWatermark, divergingOffset } = error.members;
      if (typeof logStartOffset !== 'number' || typeof highWatermark !== 'number') return undefined;
      const read = { batches: [], logStartOffset, highWatermark, leaderEpoch: null };
      return typeof divergingOffset === 'number' ? { ...read, divergingOffset } : read;
    }
  }
}
