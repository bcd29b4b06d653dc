import type { CreateError, ProduceFailure } from './produce-transport.js';
import type { RecordMetadata } from './producer-record.js';
import type { ProducerSettings } from './producer-settings.js';

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

  tooManyWait(): ProduceFailure {
    const { bufferMemory } = this.#settings;
    return this.#mayPass(
      'BUFFER_EXHAUSTED',
      `Too many records wait for the buffer (bufferMemory: ${bufferMemory} bytes): ` +
        'await send(), or the callbacks.',
    );
  }

  notLoaded(): ProduceFailure {
    return this.#mayPass(
      'NETWORK_EXCEPTION',
      `A module was not loaded within ${this.#settings.maxBlockMs} ms (maxBlockMs).`,
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

  /** @param results of which at least one is a failure */
  notAllWritten(results: readonly PromiseSettledResult<RecordMetadata>[]): SendAllFailure {
    const reasons: unknown[] = [];
    for (const result of results) if (result.status === 'rejected') reasons.push(result.reason);
    const first = reasons[0] as Partial<ProduceFailure>;
    const isUnknown = reasons.some((reason) => (reason as ProduceFailure).outcome === 'unknown');
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

  #mayPass(code: string, detail: string): ProduceFailure {
    return this.#createError(code, detail, { retriable: true, outcome: 'failed' });
  }
}
