/**
 * Sends appends to other brokers, with a limited number of calls in progress to each (Kafka's
 * max.in.flight.requests.per.connection). Appends that arrive meanwhile share the next call, so
 * that small produces to many partitions of one leader become few calls.
 *
 * Overlap: appends of different partitions may overlap, and calls may overtake each other. Appends
 * of one partition must not overlap; the caller waits for each. Appends that share a call are
 * answered together, when the slowest is done.
 */
import { BrokerLanes, type LaneWaiter } from '#producer';
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

/** Appends to one broker that wait for a call. */
interface BrokerQueue extends LaneWaiter {
  readonly brokerId: number;
  queued: QueuedAppend[];
  /** True from when a flush is asked for until it begins. */
  isFlushDue: boolean;
}

export class ProduceSender {
  readonly #options: ProduceSenderOptions;
  readonly #lanes: BrokerLanes;
  readonly #queues = new Map<number, BrokerQueue>();

  constructor(options: ProduceSenderOptions) {
    this.#options = options;
    this.#lanes = new BrokerLanes(options.forwardsInFlightMax);
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
      const queue = this.#queueOf(brokerId);
      queue.queued.push({ append, sizeBytes, timeoutMs, resolve, reject });
      this.#flushSoon(queue);
    });
  }

  #queueOf(brokerId: number): BrokerQueue {
    const existing = this.#queues.get(brokerId);
    if (existing !== undefined) return existing;
    const queue: BrokerQueue = {
      brokerId,
      queued: [],
      isFlushDue: false,
      pump: () => {
        if (queue.queued.length > 0) this.#flushSoon(queue);
      },
    };
    this.#queues.set(brokerId, queue);
    return queue;
  }

  #flushSoon(queue: BrokerQueue): void {
    if (queue.isFlushDue || !this.#lanes.hasRoom(queue.brokerId, queue)) return;
    queue.isFlushDue = true;
    this.#options.scheduler.soon(() => {
      queue.isFlushDue = false;
      if (queue.queued.length > 0) void this.#send(queue, takeCall(queue));
      if (queue.queued.length > 0) this.#flushSoon(queue);
    });
  }

  async #send({ brokerId }: BrokerQueue, call: readonly QueuedAppend[]): Promise<void> {
    this.#lanes.begin(brokerId);
    try {
      const message = produceMessage(call.map(({ append }) => append));
      const timeoutMs = Math.max(...call.map((part) => part.timeoutMs));
      const answer = await this.#options.peers.call(brokerId, 'produce', message, {
        timeoutMs,
      });
      for (const [index, result] of appendAnswersOf(answer, call.length).entries()) {
        if (result.appended === undefined) call[index]?.reject(result.error);
        else call[index]?.resolve(result.appended);
      }
    } catch (error) {
      for (const part of call) part.reject(error);
    } finally {
      this.#lanes.end(brokerId);
    }
  }
}

/** Takes from the front of the queue what fits into one call. */
function takeCall(queue: BrokerQueue): QueuedAppend[] {
  let sizeBytes = 0;
  let count = 0;
  for (const queued of queue.queued) {
    if (count > 0 && sizeBytes + queued.sizeBytes > CALL_BYTES_MAX) break;
    sizeBytes += queued.sizeBytes;
    count += 1;
  }
  return queue.queued.splice(0, count);
}
