/** Waiting that an AbortSignal ends. */
import { whenAborted, withSignal } from '../../producer/src/index.js';

export { whenAborted, withSignal };

/** Marks a promise as observed, so that its rejection is never reported as unhandled. */
export function observed<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}

/** A promise with its functions. Its rejection is never reported as unhandled. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  return { promise: observed(promise), resolve, reject };
}

/** Resolves after a time; rejects with the reason of the signal when that is aborted before. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout>;
  const slept = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  return withSignal(slept, signal).finally(() => clearTimeout(timer));
}

/**
 * Returns a controller that is aborted with its parents. `release` removes it from them.
 */
export function childOf(...parents: readonly (AbortSignal | undefined)[]): {
  readonly controller: AbortController;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const removers = parents.map((parent) =>
    whenAborted(parent, () => controller.abort(parent?.reason)),
  );
  return {
    controller,
    release: () => {
      for (const remove of removers) remove();
    },
  };
}

/** A condition that waiters are told about when it may have changed. */
export class Signal {
  #waiting: Deferred<void> | undefined;

  /** Resolves at the next `notify`. */
  wait(): Promise<void> {
    this.#waiting ??= deferred<void>();
    return this.#waiting.promise;
  }

  notify(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve();
  }
}
