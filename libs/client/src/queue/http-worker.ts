import { HttpMembership, type MembershipOptions } from '../consumer/http-membership.js';
import { newMemberId } from '../consumer/member-id.js';
import type { RecordJson } from '../received-record.js';
import { type ProblemJson, problemError } from '../sluice-error.js';
import { type Deferred, deferred } from '../waiting.js';
import type { QueueAck, QueueEvents, QueueLink } from './queue-link.js';

/** Time for which acknowledgements are repeated: about as long as a lock lasts, ms. */
const SETTLE_TIMEOUT_MS = 30_000;
/** Acknowledgements of one request. */
const ACKS_MAX = 1000;

export interface HttpWorkerOptions extends MembershipOptions {
  /** Number of records that the worker may take now. */
  readonly room: () => number;
}

interface PendingAck {
  readonly ack: QueueAck;
  readonly done: Deferred<void>;
}

interface PolledJson {
  readonly records: readonly RecordJson[];
}

interface AckAnswer {
  readonly acks: readonly { readonly error?: ProblemJson }[];
}

/**
 * A worker on a queue over HTTP. It polls while it may hold more records, and sends heartbeats
 * otherwise. Acknowledgements that come while a request is under way share the next one.
 *
 * Overlap: one poll or heartbeat at a time, and beside it one request of acknowledgements.
 */
export class HttpWorker implements QueueLink {
  readonly #options: HttpWorkerOptions;
  readonly #events: QueueEvents;
  readonly #membership: HttpMembership<unknown>;
  #pending: PendingAck[] = [];
  #sending: Promise<void> | undefined;
  /** Names a poll, so that its repetition gets the same records. */
  #receiveId = newMemberId();

  constructor(options: HttpWorkerOptions, events: QueueEvents) {
    this.#options = options;
    this.#events = events;
    this.#membership = new HttpMembership(options, {
      joined: () => undefined,
      turn: () => this.#turn(),
      lost: (error) => this.#events.lost(error),
      failed: (error) => this.#events.failed(error),
    });
  }

  settle(ack: QueueAck): Promise<void> {
    const done = deferred<void>();
    this.#pending.push({ ack, done });
    this.#sending ??= Promise.resolve().then(() => this.#send());
    return done.promise;
  }

  room(): void {
    this.#membership.wake();
  }

  async close(): Promise<void> {
    await this.#sending;
    await this.#membership.close();
  }

  async #turn(): Promise<void> {
    const limit = this.#options.room();
    if (limit > 0) {
      const query = { receiveId: this.#receiveId, limit };
      const { records } = await this.#membership.poll<PolledJson>(query);
      this.#receiveId = newMemberId();
      this.#events.delivered(records);
    } else if (await this.#membership.rest()) {
      await this.#membership.heartbeat();
    }
  }

  /**
   * Sends all acknowledgements. Never rejects. It ends in the same turn in which it finds none: a
   * user who awaited one may give the next one before a handler of this promise runs.
   */
  async #send(): Promise<void> {
    while (this.#pending.length > 0) {
      const sent = this.#pending.splice(0, ACKS_MAX);
      try {
        const { acks } = await this.#sendOnce(sent.map(({ ack }) => ack));
        sent.forEach(({ done }, at) => {
          const error = acks[at]?.error;
          if (error === undefined) done.resolve();
          else done.reject(problemError(error));
        });
      } catch (error) {
        for (const { done } of sent) done.reject(error);
      }
    }
    this.#sending = undefined;
  }

  /** An acknowledgement may be repeated: one that was done is answered as the first time. */
  #sendOnce(acks: readonly QueueAck[]): Promise<AckAnswer> {
    const { endpoints } = this.#options;
    const json = JSON.stringify({ acks });
    return endpoints.again(
      () => this.#membership.call<AckAnswer>({ method: 'POST', path: '/acks', json }),
      endpoints.closing.signal,
      SETTLE_TIMEOUT_MS,
    );
  }
}
