import { type Sluice, SluiceError } from '#client';
import { delay } from '../delay.js';
import { type Chunk, countOf, type Part } from './chunks.js';
import { type Journal, type JournalChunk, nextSequence } from './journal.js';

/** Chunks that are read ahead and not acknowledged: they bound the memory. */
const CHUNKS_MAX = 8;
/** Time for the answer to one request, ms. */
const REQUEST_MS_MAX = 30_000;
const RETRY_MS_MIN = 100;
const RETRY_MS_MAX = 2000;

/** The producer id that the records are sent under: the answer of `POST /v1/producers`. */
export interface SenderIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Proof that the id was issued to this caller; absent without authentication. */
  readonly producerToken?: string;
}

export interface SenderOptions {
  readonly topic: string;
  readonly producer: SenderIdentity;
  readonly acks: 'all' | '1' | '0';
  /** Key of all lines that are sent as they stand. */
  readonly key?: string | undefined;
  /** Time after which a chunk that cannot be written ends the command, ms. */
  readonly deliveryTimeoutMs: number;
  /** Next sequence of each partition. */
  readonly sequences: Map<number, number>;
}

/** The last two parts of a partition. */
interface PartitionTail {
  readonly last: Promise<void>;
  readonly beforeLast: Promise<void>;
  /** True once the last part is acknowledged. */
  isDone: boolean;
  /** True once any part of the partition is acknowledged. */
  isKnown: boolean;
}

/**
 * Sends chunks as an idempotent producer: two parts of a partition at a time, so that the broker
 * has the next one when it is done with one. Requests may overtake each other; the broker refuses a
 * part whose predecessor it does not have, and that part is sent again after it. The first part of
 * a partition goes alone: a broker accepts any first sequence of a producer that it does not know.
 * A part that fails is sent again under its own sequence.
 *
 * Overlap: `send` is called by one caller; `drain` after the last `send`.
 */
export class ChunkSender {
  readonly #sluice: Sluice;
  readonly #options: SenderOptions;
  readonly #journal: Journal | undefined;
  readonly #onDone: (chunk: Chunk, records: number) => void;
  readonly #tails = new Map<number, PartitionTail>();
  readonly #open = new Set<Promise<void>>();
  readonly #failed = new AbortController();

  constructor(
    sluice: Sluice,
    options: SenderOptions,
    journal: Journal | undefined,
    onDone: (chunk: Chunk, records: number) => void,
  ) {
    this.#sluice = sluice;
    this.#options = options;
    this.#journal = journal;
    this.#onDone = onDone;
  }

  /**
   * Sends a chunk, and returns when the next one may be read.
   * @param noted the sequences under which it was sent before
   * @throws the error of any earlier chunk
   */
  async send(chunk: Chunk, noted?: JournalChunk): Promise<void> {
    this.#failed.signal.throwIfAborted();
    const begun = noted ?? this.#numbered(chunk);
    // Chunks that are read ahead become durable together.
    const isDurable = noted === undefined ? this.#journal?.begin(begun) : undefined;
    // Each part awaits it in its turn, which may be after it failed.
    isDurable?.catch(() => undefined);
    const sent = this.#sendAll(chunk, begun, isDurable).catch((error: unknown) =>
      this.#failed.abort(error),
    );
    this.#open.add(sent);
    void sent.finally(() => this.#open.delete(sent));
    while (this.#open.size >= CHUNKS_MAX) await Promise.race(this.#open);
    this.#failed.signal.throwIfAborted();
  }

  /** Waits until everything is acknowledged. @throws the first error */
  async drain(): Promise<void> {
    await Promise.all(this.#open);
    this.#failed.signal.throwIfAborted();
  }

  /** Gives each part the next sequences of its partition. */
  #numbered(chunk: Chunk): JournalChunk {
    const { sequences } = this.#options;
    const parts = chunk.parts.map((part) => {
      const { partition } = part;
      const count = countOf(part);
      const sequence = sequences.get(partition) ?? 0;
      sequences.set(partition, nextSequence(sequence, count));
      return { partition, sequence, count };
    });
    return { start: chunk.start, end: chunk.end, parts };
  }

  async #sendAll(
    chunk: Chunk,
    begun: JournalChunk,
    isDurable: Promise<void> | undefined,
  ): Promise<void> {
    const sent = chunk.parts.map((part, index) => {
      const sequence = begun.parts[index]?.sequence ?? 0;
      return this.#sendInOrder(chunk, part, { sequence, isDurable });
    });
    await Promise.all(sent);
    await this.#journal?.done(chunk.start.index);
    this.#onDone(
      chunk,
      chunk.parts.reduce((count, part) => count + countOf(part), 0),
    );
  }

  #sendInOrder(
    chunk: Chunk,
    part: Part,
    { sequence, isDurable }: { sequence: number; isDurable: Promise<void> | undefined },
  ): Promise<void> {
    const before = this.#tails.get(part.partition);
    const predecessor = before ?? { isDone: true, last: Promise.resolve() };
    // With acks 0 nobody would hear of a part that was refused.
    const isPaired = before?.isKnown === true && this.#options.acks !== '0';
    const turn = isPaired ? before.beforeLast : predecessor.last;
    const send = async (): Promise<void> => {
      await turn;
      await isDurable;
      await this.#sendPart(chunk, part, sequence, predecessor);
      tail.isDone = true;
      const newest = this.#tails.get(part.partition);
      if (newest !== undefined) newest.isKnown = true;
    };
    const tail = { beforeLast: predecessor.last, isDone: false, isKnown: before?.isKnown ?? false };
    const last = send();
    this.#tails.set(part.partition, Object.assign(tail, { last }));
    return last;
  }

  async #sendPart(
    chunk: Chunk,
    part: Part,
    sequence: number,
    predecessor: { readonly isDone: boolean; readonly last: Promise<void> },
  ): Promise<void> {
    const { deliveryTimeoutMs } = this.#options;
    const request = this.#requestOf(part, sequence);
    const { signal } = this.#failed;
    const untilMs = performance.now() + deliveryTimeoutMs;
    for (let attempt = 0; ; attempt += 1) {
      signal.throwIfAborted();
      const mayOvertake = !predecessor.isDone;
      try {
        await request();
        return;
      } catch (error) {
        if (!(error instanceof SluiceError)) throw error;
        if (error.code === 'DUPLICATE_SEQUENCE_NUMBER') return;
        if (error.code === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && mayOvertake) {
          await predecessor.last;
          continue;
        }
        const maySucceed = error.retriable || error.outcome === 'unknown';
        if (!maySucceed || performance.now() > untilMs) throw refused(chunk, error);
        const ceilingMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** attempt);
        await delay(Math.random() * ceilingMs, signal);
      }
    }
  }

  /** Returns the function that makes the request of a part, as often as necessary. */
  #requestOf(part: Part, producerSequence: number): () => Promise<unknown> {
    const { topic, producer, acks, key } = this.#options;
    const { partition } = part;
    const { admin } = this.#sluice;
    const values = { topic, partition, acks, ...producer, producerSequence };
    if (!('lines' in part)) {
      const body = `{"records":[${part.records.join(',')}]}`;
      return () => admin.produce({ ...values, body });
    }
    const lines = { lines: 'text', report: 'errors', body: part.lines } as const;
    const keyed = key === undefined ? {} : { key };
    return async () => {
      const signal = AbortSignal.any([this.#failed.signal, AbortSignal.timeout(REQUEST_MS_MAX)]);
      try {
        const answer = await admin.produceLines({ ...values, ...lines, ...keyed }, { signal });
        await answer.text();
      } catch (error) {
        if (error instanceof SluiceError || this.#failed.signal.aborted) throw error;
        throw unanswered(error);
      }
    };
  }
}

/** The error of a request whose answer did not come, or not as a whole: it is made again. */
function unanswered(cause: unknown): SluiceError {
  const detail = 'The answer to a request did not arrive as a whole.';
  const outcome = { retriable: true, outcome: 'unknown' } as const;
  return new SluiceError('NETWORK_EXCEPTION', detail, { ...outcome, cause });
}

/** Returns the members of an identity alone: the token is absent without authentication. */
export function identityOf({
  producerId,
  producerEpoch,
  producerToken,
}: SenderIdentity): SenderIdentity {
  const token = producerToken === undefined ? {} : { producerToken };
  return { producerId, producerEpoch, ...token };
}

function refused(chunk: Chunk, error: SluiceError): SluiceError {
  const [first, last] = [chunk.start.line, chunk.end.line - 1];
  const lines = first === last ? `Line ${first} was` : `Lines ${first} to ${last} were`;
  return new SluiceError(error.code, `${lines} not stored: ${error.detail}`, {
    status: error.status,
    outcome: error.outcome,
    errors: error.errors,
    cause: error,
  });
}
