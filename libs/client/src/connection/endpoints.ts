import { closedError, isRetriable } from '../sluice-error.js';
import { Backoff } from './backoff.js';
import type { ConnectionOptions } from './options.js';

/** State of the connection to the gateway. */
export type Status = 'connected' | 'reconnecting' | 'closed';

/** Further facts about a status. */
export interface StatusDetails {
  /** URL of the broker. */
  readonly url: string;
  /** Failure that led to `reconnecting`. */
  readonly error?: unknown;
}

/** Called with each new status of the connection. */
export type StatusListener = (status: Status, details: StatusDetails) => void;

/** The part of the browser's global object that tells about the network. */
interface NetworkEvents {
  addEventListener?(
    type: 'online' | 'offline',
    listener: () => void,
    options: { readonly signal: AbortSignal },
  ): void;
}

/**
 * The brokers that a client may call, the one that it calls at present, and the state of the
 * connection.
 *
 * Overlap: all calls may overlap.
 */
export class Endpoints {
  readonly options: ConnectionOptions;
  /** Aborted when the client is closed; the reason is the error of later calls. */
  readonly closing = new AbortController();
  /** Requests that wait for an answer: they end when the client is closed. */
  readonly calls = new Set<AbortController>();
  #at: number;
  #status: Status | undefined;
  readonly #statusListeners = new Set<StatusListener>();
  readonly #networkListeners = new Set<() => void>();

  constructor(options: ConnectionOptions) {
    this.options = options;
    // Clients that start with the same list spread over the brokers.
    this.#at = Math.floor(Math.random() * options.urls.length);
    const onNetwork = (): void => {
      for (const listener of this.#networkListeners) listener();
    };
    const { signal } = this.closing;
    for (const type of ['online', 'offline'] as const) {
      (globalThis as NetworkEvents).addEventListener?.(type, onNetwork, { signal });
    }
  }

  /** URL of the broker to call now. */
  get url(): string {
    return this.options.urls[this.#at] ?? '';
  }

  get isClosed(): boolean {
    return this.closing.signal.aborted;
  }

  /** @throws SluiceError ILLEGAL_STATE */
  assertOpen(): void {
    if (this.isClosed) throw this.closing.signal.reason;
  }

  /** Adds a listener of the status; returns the function that removes it. */
  onStatus(listener: StatusListener): () => void {
    this.#statusListeners.add(listener);
    return () => this.#statusListeners.delete(listener);
  }

  /** Adds a listener that is called when the platform loses or regains the network. */
  onNetwork(listener: () => void): () => void {
    this.#networkListeners.add(listener);
    return () => this.#networkListeners.delete(listener);
  }

  /** Reports that the broker at a URL answered. */
  succeeded(url: string): void {
    if (url === this.url) this.#tell('connected', { url });
  }

  /** Reports that the broker at a URL cannot be reached: the next call goes to another one. */
  failed(url: string, error: unknown): void {
    if (url !== this.url) return;
    this.#at = (this.#at + 1) % this.options.urls.length;
    this.#tell('reconnecting', { url, error });
  }

  /** Returns a back-off that ends early when the network is back, and the function to drop it. */
  backoff(): { readonly backoff: Backoff; readonly drop: () => void } {
    const backoff = new Backoff(this.options);
    const drop = this.onNetwork(() => {
      backoff.reset();
      backoff.wake();
    });
    return { backoff, drop };
  }

  /**
   * Repeats a call while its failure may pass and the time, ms, is not over.
   * @throws the last error of the call, or the reason of the signal
   */
  async again<T>(
    call: () => Promise<T>,
    signal: AbortSignal,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): Promise<T> {
    const { backoff, drop } = this.backoff();
    const untilMs = Date.now() + timeoutMs;
    try {
      for (;;) {
        try {
          return await call();
        } catch (error) {
          if (!isRetriable(error) || Date.now() > untilMs) throw error;
          await backoff.wait(signal);
        }
      }
    } finally {
      drop();
    }
  }

  close(): void {
    if (this.isClosed) return;
    const reason = closedError('client');
    this.closing.abort(reason);
    for (const call of this.calls) call.abort(reason);
    this.#networkListeners.clear();
    this.#tell('closed', { url: this.url });
    this.#statusListeners.clear();
  }

  #tell(status: Status, details: StatusDetails): void {
    if (status === this.#status || (this.isClosed && status !== 'closed')) return;
    this.#status = status;
    for (const listener of this.#statusListeners) {
      try {
        listener(status, details);
      } catch (error) {
        // The error of a user's listener belongs to the platform, not to the call that told it.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
