import type { Timers } from './timers.js';

export interface AttemptOptions {
  readonly timers: Timers;
  readonly timeoutMs: number;
  /** Creates the error of an attempt whose time is over. */
  readonly timedOut: () => Error;
}

/** An attempt that may be abandoned. */
export interface Attempt<T> {
  readonly result: Promise<T>;
  /** Aborts the call; `result` need not settle any more. */
  readonly abandon: () => void;
}

/**
 * Makes a call and ends it after its time, whether or not the callee listens to the signal. The
 * result rejects with what the callee throws or rejects with.
 */
export function attempt<T>(
  call: (signal: AbortSignal) => Promise<T>,
  { timers, timeoutMs, timedOut }: AttemptOptions,
): Attempt<T> {
  const controller = new AbortController();
  let timer: { cancel(): void } | undefined;
  const result = new Promise<T>((resolve, reject) => {
    timer = timers.after(timeoutMs, () => {
      reject(timedOut());
      controller.abort();
    });
    try {
      call(controller.signal).then(resolve, reject);
    } catch (error) {
      reject(error);
    }
  });
  let isSettled = false;
  const settled = (): void => {
    isSettled = true;
    timer?.cancel();
  };
  result.then(settled, settled);
  return {
    result,
    abandon: () => {
      timer?.cancel();
      // An abort makes an error with a stack, which a call that has ended does not need.
      if (!isSettled) controller.abort();
    },
  };
}
