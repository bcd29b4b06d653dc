/**
 * Sends appends to other brokers, with a limited number of calls in progress to each (Kafka's
 * max.in.flight.requests.per.connection). Appends that arrive meanwhile share the next call, so
 * that small produces to many partitions of one leader become few calls.
 *
 * Overlap: appends of different partitions may overlap, and calls may overtake each other. Appends
 * of one partition must not overlap; the caller waits for each. Appends that share a call are
 * answered together, when the slowest is done.
 */
import type { Peers } from '#replication';
import type { Scheduler } from '#runtime';
import type { BatchAppended, LeaderAppend, LeaderTransport } from './leader-transport.js';
import { appendAnswersOf, produceMessage } from './peer-messages.js';

/** Bytes of batches in one call; a larger append goes alone. */
const CALL_BYTES_MAX = 8 * 1024 * 1024;

interface ProduceSenderOptions {
  readonly peers: Peers;
  readonly scheduler: Scheduler;
  /** Calls in progress to one broker. */
  readonly forwardsInFlightMax: number;
}

interface QueuedAppend {
  readonly append: LeaderAppend;
  readonly sizeBytes: number;
  readonly timeoutMs: number;
  readonly resolve: (appended: readonly BatchAppended[]) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane {
  readonly brokerId: number;
  queued: QueuedAppend[];
  inFlight: number;
  /** True from when a flush is asked for until it begins. */
  isFlushDue: boolean;
}

export class ProduceSender {
  readonly #options: ProduceSenderOptions;
  readonly #lanes = new Map<number, Lane>();

  constructor(options: ProduceSenderOptions) {
    this.#options = options;
  }

  /** Another broker as a leader: rejects as `LocalLeader.append` does there. */
  to(brokerId: number): LeaderTransport {
    return { append: (append, timeoutMs) => this.#append(brokerId, append, timeoutMs) };
  }

  #append(
    brokerId: number,
    append: LeaderAppend,
    timeoutMs: number,
  ): Promise<readonly BatchAppended[]> {
    return new Promise((resolve, reject) => {
      let sizeBytes = 0;
      for (const batch of append.batches) sizeBytes += batch.length;
      const lane = this.#laneOf(brokerId);
      lane.queued.push({ append, sizeBytes, timeoutMs, resolve, reject });
      this.#flushSoon(lane);
    });
  }

  #laneOf(brokerId: number): Lane {
    const existing = this.#lanes.get(brokerId);
    if (existing !== undefined) return existing;
    const lane = { brokerId, queued: [], inFlight: 0, isFlushDue: false };
    this.#lanes.set(brokerId, lane);
    return lane;
  }

  #flushSoon(lane: Lane): void {
    const { scheduler, forwardsInFlightMax } = this.#options;
    if (lane.isFlushDue || lane.inFlight >= forwardsInFlightMax) return;
    lane.isFlushDue = true;
    scheduler.soon(() => {
      lane.isFlushDue = false;
      if (lane.queued.length > 0) void this.#send(lane, takeCall(lane));
      if (lane.queued.length > 0) this.#flushSoon(lane);
    });
  }

  async #send(lane: Lane, call: readonly QueuedAppend[]): Promise<void> {
    lane.inFlight += 1;
    try {
      const message = produceMessage(call.map(({ append }) => append));
      const timeoutMs = Math.max(...call.map((part) => part.timeoutMs));
      const answer = await this.#options.peers.call(lane.brokerId, 'produce', message, {
        timeoutMs,
      });
      for (const [index, result] of appendAnswersOf(answer, call.length).entries()) {
        if (result.appended === undefined) call[index]?.reject(result.error);
        else call[index]?.resolve(result.appended);
      }
    } catch (error) {
      for (const part of call) part.reject(error);
    } finally {
      lane.inFlight -= 1;
      if (lane.queued.length > 0) this.#flushSoon(lane);
    }
  }
}

/** Takes from the front of the queue what fits into one call. */
function takeCall(lane: Lane): QueuedAppend[] {
  let sizeBytes = 0;
  let count = 0;
  for (const queued of lane.queued) {
    if (count > 0 && sizeBytes + queued.sizeBytes > CALL_BYTES_MAX) break;
    sizeBytes += queued.sizeBytes;
    count += 1;
  }
  return lane.queued.splice(0, count);
}
