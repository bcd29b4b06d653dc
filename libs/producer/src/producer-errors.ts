import type { CreateError, ProduceFailure } from './produce-transport.js';
import type { RecordMetadata } from './producer-record.js';
import type { ProducerSettings } from './producer-settings.js';
import { UNAWAITED_SENDS_MAX } from './waiting-sends.js';

/** The error of `sendAll`: the first failure, with the results of all records. */
export interface SendAllFailure extends ProduceFailure {
  readonly results: readonly PromiseSettledResult<RecordMetadata>[];
}

/** Errors of a producer about a record that it does not send. */
export class ProducerErrors {
  readonly #createError: CreateError;
  readonly #settings: ProducerSettings;

  constructor(createError: CreateError, settings: ProducerSettings) {
    this.#createError = createError;
    this.#settings = settings;
  }

  /** A mistake of the caller. */
  misuse(code: string, detail: string): ProduceFailure {
    return this.#createError(code, detail, { retriable: false, outcome: 'failed' });
  }

  bufferFull(): ProduceFailure {
    const { bufferMemory, maxBlockMs } = this.#settings;
    return this.#createError(
      'BUFFER_EXHAUSTED',
      `The buffer was full for ${maxBlockMs} ms (maxBlockMs): it has ${bufferMemory} bytes ` +
        '(bufferMemory).',
      { retriable: true, outcome: 'failed' },
    );
  }

  tooManyWait(): ProduceFailure {
    return this.#createError(
      'BUFFER_EXHAUSTED',
      `No more records may wait for the buffer than it holds (bufferMemory: ` +
        `${this.#settings.bufferMemory} bytes), and no more than ${UNAWAITED_SENDS_MAX}. Await ` +
        'send(), or send more when callbacks have been called.',
      { retriable: true, outcome: 'failed' },
    );
  }

  tooLarge(sizeBytes: number): ProduceFailure {
    const { bufferMemory, maxRequestSize } = this.#settings;
    return this.misuse(
      'MESSAGE_TOO_LARGE',
      `The record takes ${sizeBytes} bytes: maxRequestSize is ${maxRequestSize}, and ` +
        `bufferMemory is ${bufferMemory}.`,
    );
  }

  metadataMissing(topic: string): ProduceFailure {
    return this.#createError(
      'REQUEST_TIMED_OUT',
      `The partitions of "${topic}" were not known within ${this.#settings.maxBlockMs} ms ` +
        '(maxBlockMs).',
      { retriable: true, outcome: 'failed' },
    );
  }

  notLoaded(): ProduceFailure {
    return this.#createError(
      'NETWORK_EXCEPTION',
      `A module was not loaded within ${this.#settings.maxBlockMs} ms (maxBlockMs).`,
      { retriable: true, outcome: 'failed' },
    );
  }

  closed(): ProduceFailure {
    return this.misuse('ILLEGAL_STATE', 'The producer is closed and sends nothing more.');
  }

  closedTooEarly(): ProduceFailure {
    return this.misuse(
      'REQUEST_TIMED_OUT',
      'The producer was closed before the record was written.',
    );
  }

  abortedInFlight(cause: unknown): ProduceFailure {
    return this.#createError(
      'REQUEST_TIMED_OUT',
      'The caller stopped waiting while the record was being sent.',
      { retriable: false, outcome: 'unknown', cause },
    );
  }

  /** @param results of which at least one is a failure */
  notAllWritten(results: readonly PromiseSettledResult<RecordMetadata>[]): SendAllFailure {
    const reasons: unknown[] = [];
    for (const result of results) if (result.status === 'rejected') reasons.push(result.reason);
    const first = reasons[0] as Partial<ProduceFailure>;
    const isUnknown = reasons.some(
      (reason) => (reason as Partial<ProduceFailure>).outcome === 'unknown',
    );
    const error = this.#createError(
      first.code ?? 'REQUEST_TIMED_OUT',
      `${reasons.length} of ${results.length} records were not written; the first one: ` +
        String(first.message),
      {
        retriable: first.retriable === true,
        outcome: isUnknown ? 'unknown' : 'failed',
        cause: first,
      },
    );
    return Object.assign(error, { results });
  }
}
