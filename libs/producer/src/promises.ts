/** Promises of users and waits that an AbortSignal ends; the client library has them from here. */

/** True for each object with `then`: users may have promises of their own class. */
export function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null)?.then === 'function';
}

/**
 * Calls the listener once the signal is aborted, at once if it is already.
 * @returns the function that removes the listener
 */
export function whenAborted(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal?.aborted) listener();
  signal?.addEventListener('abort', listener, { once: true });
  return () => signal?.removeEventListener('abort', listener);
}

/**
 * Settles like the promise, or rejects with the reason of the signal when that is aborted before.
 */
export function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const release = whenAborted(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(release);
  });
}
