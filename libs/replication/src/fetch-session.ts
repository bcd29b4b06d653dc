/**
 * A follower's session at a leader: where it stands in each partition, and the request that waits
 * for news (see replica-protocol.ts).
 *
 * Not bounded by itself: a follower has one session, with as many positions as there are partitions
 * that it follows.
 */
import type { RecordBatch } from '#log';
import type { Scheduler, Timer } from '#runtime';
import type { FollowedPartition } from './followed-partition.js';
import type {
  ForgottenPartition,
  ReplicaFetchPosition,
  ReplicaFetchRequest,
  ReplicaFetchResponse,
  ReplicaFetchResult,
} from './replica-protocol.js';

/** An answer with the byte strings beside it. */
export interface ReplicaFetchAnswer {
  readonly response: ReplicaFetchResponse;
  readonly blobs: readonly Buffer[];
}

/** Reads of partitions that are not in the tail cache, at a time; each holds what it has read. */
const DISK_READS_MAX = 4;

interface WaitingRequest {
  readonly maxBytes: number;
  readonly timer: Timer;
  readonly resolve: (answer: ReplicaFetchAnswer) => void;
}

export class FetchSession {
  readonly #positions = new Map<string, FollowedPartition>();
  /** Those that may have something to tell, in the order in which they are answered. */
  readonly #ready = new Set<FollowedPartition>();
  readonly #scheduler: Scheduler;
  #waiting: WaitingRequest | undefined;
  #isAnswerAsked = false;
  #lastSequence = 0;
  #diskReads = 0;
  /** Monotonic, of the last request. */
  lastSeenMs = 0;

  constructor(
    readonly replicaId: number,
    readonly brokerEpoch: number,
    readonly id: string,
    scheduler: Scheduler,
  ) {
    this.#scheduler = scheduler;
  }

  /** Whether a request waits now: the follower is there. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  followed(): Iterable<FollowedPartition> {
    return this.#positions.values();
  }

  /** Whether a position of this request is newer than the one that the session has. */
  isNews(position: ReplicaFetchPosition, sequence: number): boolean {
    return (this.#positions.get(keyOf(position))?.sequence ?? 0) < sequence;
  }

  /** @returns the place that it takes the place of */
  arm(followed: FollowedPartition): FollowedPartition | undefined {
    const key = keyOf(followed.position);
    const before = this.#positions.get(key);
    if (before !== undefined) this.#forget(before);
    this.#positions.set(key, followed);
    if (followed.hasNews) this.#ready.add(followed);
    return before;
  }

  forget(partition: ForgottenPartition, sequence: number): FollowedPartition | undefined {
    const key = keyOf(partition);
    const followed = this.#positions.get(key);
    if (followed === undefined || followed.sequence > sequence) return undefined;
    this.#positions.delete(key);
    this.#forget(followed);
    return followed;
  }

  /** Waits for news, in the place of a request that waits. */
  wait(request: ReplicaFetchRequest, signal: AbortSignal): Promise<ReplicaFetchAnswer> {
    const { sequence, maxBytes, maxWaitMs } = request;
    if (sequence < this.#lastSequence) return Promise.resolve(this.#collect(maxBytes));
    this.#lastSequence = sequence;
    this.#answer();
    const answer = this.#collect(maxBytes);
    const isDue = answer.response.results.length > 0 || maxWaitMs === 0 || signal.aborted;
    if (isDue) return Promise.resolve(answer);
    return new Promise((resolve) => {
      const timer = this.#scheduler.after(maxWaitMs, () => {
        this.#lookAtAll();
        this.#answerIf(waiting);
      });
      const waiting: WaitingRequest = { maxBytes, timer, resolve };
      signal.addEventListener('abort', () => this.#answerIf(waiting), { once: true });
      this.#waiting = waiting;
    });
  }

  /**
   * Looks whether there is something to tell of a partition, and tells it at the end of this turn.
   */
  wake(followed: FollowedPartition): void {
    if (this.#ready.has(followed) || !followed.hasNews) return;
    this.#ready.add(followed);
    this.#askForAnswer();
  }

  /** Answers the request that waits, with what there is. */
  end(): void {
    this.#answer();
    for (const followed of this.#positions.values()) followed.disarm();
    this.#ready.clear();
  }

  /** Reads for a position that is behind the tail cache; the others are answered meanwhile. */
  async #readFromDisk(followed: FollowedPartition): Promise<void> {
    this.#diskReads += 1;
    this.#ready.delete(followed);
    await followed.readFromDisk();
    this.#diskReads -= 1;
    if (followed.isArmed) this.#ready.add(followed);
    for (const ready of this.#ready) this.#startRead(ready);
    this.#askForAnswer();
  }

  #startRead(followed: FollowedPartition): void {
    if (followed.mustReadDisk && this.#diskReads < DISK_READS_MAX)
      void this.#readFromDisk(followed);
  }

  #forget(followed: FollowedPartition): void {
    followed.disarm();
    this.#ready.delete(followed);
  }

  #askForAnswer(): void {
    if (this.#isAnswerAsked || this.#waiting === undefined) return;
    this.#isAnswerAsked = true;
    this.#scheduler.soon(() => {
      this.#isAnswerAsked = false;
      const waiting = this.#waiting;
      if (waiting === undefined) return;
      const answer = this.#collect(waiting.maxBytes);
      if (answer.response.results.length > 0) this.#answer(answer);
    });
  }

  /** What nobody tells of at once, such as records that retention deletes, is found in the end. */
  #lookAtAll(): void {
    for (const followed of this.#positions.values()) {
      if (followed.hasNews) this.#ready.add(followed);
    }
  }

  #answerIf(waiting: WaitingRequest): void {
    if (this.#waiting === waiting) this.#answer();
  }

  #answer(answer?: ReplicaFetchAnswer): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    this.#waiting = undefined;
    waiting.timer.cancel();
    waiting.resolve(answer ?? this.#collect(waiting.maxBytes));
  }

  /** What there is to tell, up to `maxBytes` of batches: those that wait longest first. */
  #collect(maxBytes: number): ReplicaFetchAnswer {
    const results: ReplicaFetchResult[] = [];
    const blobs: Buffer[] = [];
    let bytes = 0;
    for (const followed of this.#ready) {
      const told = followed.tell(maxBytes - bytes);
      if (!followed.hasNews) this.#ready.delete(followed);
      else this.#startRead(followed);
      if (told === undefined) continue;
      const { result, records } = told;
      if (records === undefined) {
        results.push(result);
        continue;
      }
      const { batches, compactedEndOffset, elections } = records;
      for (const batch of batches) bytes += batch.sizeBytes;
      const firstBlob = blobs.length;
      addBlobs(blobs, batches);
      const blobCount = blobs.length - firstBlob;
      const where = { firstBlob, blobCount, compactedEndOffset, elections };
      results.push({ ...result, records: where });
    }
    return { response: { results }, blobs };
  }
}

/** Batches that stand one after the other in memory are one blob. */
function addBlobs(blobs: Buffer[], batches: readonly RecordBatch[]): void {
  let last: Buffer | undefined;
  for (const { bytes } of batches) {
    const follows =
      last !== undefined &&
      last.buffer === bytes.buffer &&
      last.byteOffset + last.length === bytes.byteOffset;
    if (last !== undefined && follows) {
      last = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length);
      blobs[blobs.length - 1] = last;
    } else {
      last = bytes;
      blobs.push(bytes);
    }
  }
}

function keyOf({ topic, partition }: ForgottenPartition): string {
  return `${topic}-${partition}`;
}
