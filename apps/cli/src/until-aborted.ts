/** Yields items until the signal is aborted. The item that is being worked on is finished. */
export async function* untilAborted<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]();
  try {
    while (!signal.aborted) {
      const next = await endedBy(signal, iterator.next());
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    // A wait for the next item may never end, so its end is not awaited.
    void iterator.return?.();
  }
}

/**
 * Resolves with a result, or with the end of the items when the signal is aborted before. A race
 * against one promise for all items would keep each of them as long as that promise.
 */
function endedBy<T>(
  signal: AbortSignal,
  result: Promise<IteratorResult<T>>,
): Promise<IteratorResult<T>> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve({ done: true, value: undefined });
    signal.addEventListener('abort', onAbort, { once: true });
    const release = (): void => signal.removeEventListener('abort', onAbort);
    void result.then(resolve, reject).finally(release);
  });
}
