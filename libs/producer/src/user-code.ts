import type { Settle } from './pending-record.js';
import type { ProducerMetrics } from './producer-metrics.js';
import {
  type ProducerInterceptor,
  type ProducerRecord,
  type RecordMetadata,
  recordFault,
} from './producer-record.js';
import type { ProducerOptions } from './producer-settings.js';

/**
 * The functions that users gave: interceptors, callbacks and `onError`. Their errors are counted
 * and passed to `onError`; they do not stop the producer.
 *
 * Overlap: all methods may overlap.
 */
export class UserCode {
  readonly #interceptors: readonly ProducerInterceptor[];
  /** Interceptors with `onSend`; often none. */
  readonly #senders: readonly ProducerInterceptor[];
  /** Interceptors with `onAcknowledgement`; often none. */
  readonly #listeners: readonly ProducerInterceptor[];
  readonly #onError: ((error: Error) => unknown) | undefined;
  readonly #metrics: ProducerMetrics;

  constructor(
    { interceptors = [], onError }: Pick<ProducerOptions, 'interceptors' | 'onError'>,
    metrics: ProducerMetrics,
  ) {
    this.#interceptors = interceptors;
    this.#senders = interceptors.filter((each) => 'onSend' in each);
    this.#listeners = interceptors.filter((each) => 'onAcknowledgement' in each);
    this.#onError = onError;
    this.#metrics = metrics;
  }

  /** Returns the record as the interceptors leave it. */
  intercepted(given: ProducerRecord): ProducerRecord {
    let record = given;
    for (const interceptor of this.#senders) {
      const changed = this.call(() => interceptor.onSend?.(record));
      if (changed === undefined || changed === null) continue;
      const fault = recordFault(changed);
      if (fault === undefined) record = changed;
      else this.#onUserError(new TypeError(`An interceptor returned no record. ${fault}`));
    }
    return record;
  }

  /**
   * Passes the result of a record to the interceptors, then to the user.
   * @param tell undefined if nobody waits for the result: then `onError` gets a failure
   */
  settled(
    tell: Settle | undefined,
    metadata: RecordMetadata | undefined,
    error: Error | undefined,
  ): void {
    if (metadata === undefined) this.#metrics.recordsFailed += 1;
    for (const interceptor of this.#listeners) {
      this.call(() => interceptor.onAcknowledgement?.(metadata, error));
    }
    if (tell !== undefined) tell(metadata, error);
    else if (error !== undefined) void this.#report(error);
  }

  /** Returns what the function returns; undefined when it throws or returns a promise. */
  call<T>(task: () => T): T | undefined {
    try {
      const result = task();
      if (!(result instanceof Promise)) return result;
      result.catch((error: unknown) => this.#onUserError(error));
    } catch (error) {
      this.#onUserError(error);
    }
    return undefined;
  }

  /** Closes the interceptors, one after the other. */
  async close(): Promise<void> {
    for (const interceptor of this.#interceptors) {
      try {
        await interceptor.close?.();
      } catch (error) {
        this.#onUserError(error);
      }
    }
  }

  #onUserError(error: unknown): void {
    this.#metrics.userErrors += 1;
    void this.#report(error as Error);
  }

  async #report(error: Error): Promise<void> {
    try {
      await this.#onError?.(error);
    } catch {
      // Nobody is left who could be told that `onError` failed.
    }
  }
}
