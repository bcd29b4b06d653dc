import type { RecordBatch } from '#log';
import type { Scheduler, Timer } from '#runtime';
import type { FollowerFetchState } from './follower-fetch-state.js';
import type {
  ForgottenPartition,
  ReplicaFetchPosition,
  ReplicaFetchRequest,
  ReplicaFetchResponse,
  ReplicaFetchResult,
} from './replica-protocol.js';

/** An answer to a replica fetch, with the batches as byte strings beside it. */
export interface ReplicaFetchAnswer {
  readonly response: ReplicaFetchResponse;
  readonly blobs: readonly Buffer[];
}

/** Concurrent reads of one session from disk; each keeps its batches in memory until sent. */
const DISK_READS_MAX = 4;

interface WaitingRequest {
  readonly maxBytes: number;
  readonly timer: Timer;
  readonly resolve: (answer: ReplicaFetchAnswer) => void;
}

/**
 * A follower's session at a leader: the follower's position in each partition, and the request that
 * waits until there is something to answer (see replica-protocol.ts).
 *
 * It needs no bound of its own: a follower has one session, with one position per partition that it
 * follows.
 *
 * Overlap: requests of one session may overlap; a later one ends the wait of the earlier one, and
 * of each partition the position of the latest sequence counts. Reads from disk run concurrently,
 * at most one per position.
 */
export class FetchSession {
  readonly #positions = new Map<string, FollowerFetchState>();
  /** Fetch states that may have something to send, in the order in which they are answered. */
  readonly #ready = new Set<FollowerFetchState>();
  readonly #scheduler: Scheduler;
  #waiting: WaitingRequest | undefined;
  #isAnswerScheduled = false;
  #lastSequence = 0;
  #diskReads = 0;
  /** Monotonic time of the last request, in ms. */
  lastSeenMs = 0;

  constructor(
    readonly replicaId: number,
    readonly brokerEpoch: number,
    readonly id: string,
    scheduler: Scheduler,
  ) {
    this.#scheduler = scheduler;
  }

  /** True when a request waits now, so that the follower is connected. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  fetchStates(): Iterable<FollowerFetchState> {
    return this.#positions.values();
  }

  /** True when a position of this request is newer than the one that the session has. */
  isNewer(position: ReplicaFetchPosition, sequence: number): boolean {
    return (this.#positions.get(keyOf(position))?.sequence ?? 0) < sequence;
  }

  /**
   * Answers a position from now on.
   * @returns the fetch state that it replaces
   */
  arm(fetchState: FollowerFetchState): FollowerFetchState | undefined {
    const key = keyOf(fetchState.position);
    const before = this.#positions.get(key);
    if (before !== undefined) this.#forget(before);
    this.#positions.set(key, fetchState);
    if (fetchState.hasUpdate) this.#ready.add(fetchState);
    return before;
  }

  forget(partition: ForgottenPartition, sequence: number): FollowerFetchState | undefined {
    const key = keyOf(partition);
    const fetchState = this.#positions.get(key);
    if (fetchState === undefined || fetchState.sequence > sequence) return undefined;
    this.#positions.delete(key);
    this.#forget(fetchState);
    return fetchState;
  }

  /** Waits until there is something to answer, and ends the wait of an earlier request. */
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
        this.#findChanges();
        this.#answerIf(waiting);
      });
      const waiting: WaitingRequest = { maxBytes, timer, resolve };
      signal.addEventListener('abort', () => this.#answerIf(waiting), { once: true });
      this.#waiting = waiting;
    });
  }

  /**
   * Checks whether a partition has something to send, and answers at the end of this turn of the
   * event loop.
   */
  wake(fetchState: FollowerFetchState): void {
    if (this.#ready.has(fetchState) || !fetchState.hasUpdate) return;
    this.#ready.add(fetchState);
    this.#scheduleAnswer();
  }

  /** Ends the session; the request that waits is answered at once. */
  end(): void {
    this.#answer();
    for (const fetchState of this.#positions.values()) fetchState.disarm();
    this.#ready.clear();
  }

  /** Reads for a position below the tail cache; other positions are answered meanwhile. */
  async #readFromDisk(fetchState: FollowerFetchState): Promise<void> {
    this.#diskReads += 1;
    this.#ready.delete(fetchState);
    await fetchState.readFromDisk();
    this.#diskReads -= 1;
    if (fetchState.isArmed) this.#ready.add(fetchState);
    for (const ready of this.#ready) this.#startRead(ready);
    this.#scheduleAnswer();
  }

  #startRead(fetchState: FollowerFetchState): void {
    if (fetchState.mustReadDisk && this.#diskReads < DISK_READS_MAX) {
      void this.#readFromDisk(fetchState);
    }
  }

  #forget(fetchState: FollowerFetchState): void {
    fetchState.disarm();
    this.#ready.delete(fetchState);
  }

  #scheduleAnswer(): void {
    if (this.#isAnswerScheduled || this.#waiting === undefined) return;
    this.#isAnswerScheduled = true;
    this.#scheduler.soon(() => {
      this.#isAnswerScheduled = false;
      const waiting = this.#waiting;
      if (waiting === undefined) return;
      const answer = this.#collect(waiting.maxBytes);
      if (answer.response.results.length > 0) this.#answer(answer);
    });
  }

  /** Finds changes that wake no fetch, such as a log start offset that retention has moved. */
  #findChanges(): void {
    for (const fetchState of this.#positions.values()) {
      if (fetchState.hasUpdate) this.#ready.add(fetchState);
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

  /** Collects results with up to `maxBytes` of batches, longest waiting positions first. */
  #collect(maxBytes: number): ReplicaFetchAnswer {
    const results: ReplicaFetchResult[] = [];
    const blobs: Buffer[] = [];
    let bytes = 0;
    for (const fetchState of this.#ready) {
      const update = fetchState.nextUpdate(maxBytes - bytes);
      if (!fetchState.hasUpdate) this.#ready.delete(fetchState);
      else this.#startRead(fetchState);
      if (update === undefined) continue;
      const { result, records } = update;
      if (records === undefined) {
        results.push(result);
        continue;
      }
      const { batches, compactedEndOffset, elections } = records;
      for (const batch of batches) bytes += batch.sizeBytes;
      const firstBlob = blobs.length;
      addBlobs(blobs, batches);
      const blobCount = blobs.length - firstBlob;
      const location = { firstBlob, blobCount, compactedEndOffset, elections };
      results.push({ ...result, records: location });
    }
    return { response: { results }, blobs };
  }
}

/** Adds batches as blobs; batches that are adjacent in memory become one blob. */
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
