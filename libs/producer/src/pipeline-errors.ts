import type { CreateError, ProduceFailure } from './produce-transport.js';
import type { ProducerSettings } from './producer-settings.js';

/** Errors about records on their way through the pipeline: they are loaded with it. */
export class PipelineErrors {
  readonly #createError: CreateError;
  readonly #settings: ProducerSettings;

  constructor(createError: CreateError, settings: ProducerSettings) {
    this.#createError = createError;
    this.#settings = settings;
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

  metadataMissing(topic: string): ProduceFailure {
    return this.#createError(
      'REQUEST_TIMED_OUT',
      `The partitions of "${topic}" were not known within ${this.#settings.maxBlockMs} ms ` +
        '(maxBlockMs).',
      { retriable: true, outcome: 'failed' },
    );
  }

  abortedInFlight(cause: unknown): ProduceFailure {
    return this.#createError(
      'REQUEST_TIMED_OUT',
      'The caller stopped waiting while the record was being sent.',
      { retriable: false, outcome: 'unknown', cause },
    );
  }

  tooLarge(sizeBytes: number): ProduceFailure {
    const { bufferMemory, maxRequestSize } = this.#settings;
    return this.#createError(
      'MESSAGE_TOO_LARGE',
      `The record takes ${sizeBytes} bytes: maxRequestSize is ${maxRequestSize}, and ` +
        `bufferMemory is ${bufferMemory}.`,
      { retriable: false, outcome: 'failed' },
    );
  }
}
