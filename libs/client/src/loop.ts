/**
 * Returns the iterator of a `for await` loop: it ends where `next` gives undefined or rejects, and
 * where the loop is left. `onEnd` is called at each end, perhaps several times.
 */
export function loop<T>(
  next: () => Promise<T | undefined>,
  onEnd: () => void,
): AsyncIterator<T, undefined> {
  const end = (): Promise<IteratorResult<T, undefined>> => {
    onEnd();
    return Promise.resolve({ done: true, value: undefined });
  };
  return {
    next: async () => {
      try {
        const value = await next();
        return value === undefined ? await end() : { done: false, value };
      } catch (error) {
        onEnd();
        throw error;
      }
    },
    return: end,
  };
}
