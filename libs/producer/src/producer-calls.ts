/** Checks of the options of a producer's calls: callers in JavaScript pass anything. */

/** Longest time of a timer, ms: one that is longer ends at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The sentence about wrong options of a call that has a signal; undefined for accepted ones. */
export function signalFault(call: string, options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return `${call} takes an object of options.`;
  const { signal } = options as { readonly signal?: Partial<AbortSignal> | null };
  if (signal === undefined || typeof signal?.throwIfAborted === 'function') return undefined;
  return 'signal must be an AbortSignal.';
}

/** The sentence about wrong options of `close`; undefined for those that are accepted. */
export function closeFault(options: unknown): string | undefined {
  if (typeof options !== 'object' || options === null) return 'close takes an object of options.';
  const { timeoutMs } = options as { readonly timeoutMs?: unknown };
  if (timeoutMs === undefined) return undefined;
  if (typeof timeoutMs === 'number' && timeoutMs >= 0 && timeoutMs <= TIMER_MS_MAX) {
    return undefined;
  }
  return `timeoutMs must be a number from 0 to ${TIMER_MS_MAX}.`;
}
