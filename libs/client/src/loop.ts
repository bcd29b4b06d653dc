/**
 * Returns the iterator of a `for await` loop: it ends where `next` gives undefined or rejects, and
 * where the loop is left. `onEnd` is called at each end, perhaps several times.
 * @param signal when it is aborted, the end that `next` gives becomes its reason
 */
export function loop<T>(
  next: () => Promise<T | undefined>,
  onEnd: () => void,
  signal?: AbortSignal,
): AsyncIterator<T, undefined> {
  const end = (): Promise<IteratorResult<T, undefined>> => {
    onEnd();
    return Promise.resolve({ done: true, value: undefined });
  };
  return {
    next: async () => {
      try {
        const value = await next();
        if (value !== undefined) return { done: false, value };
        signal?.throwIfAborted();
        return await end();
      } catch (error) {
        onEnd();
        throw error;
      }
    },
    return: end,
  };
}
