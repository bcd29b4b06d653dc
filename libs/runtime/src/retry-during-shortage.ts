import type { Scheduler } from './clock.js';
import { isShortageBeforeSync } from './system-error.js';

const RETRY_INTERVAL_MS = 100;
const TRIES_MAX = 50;

/**
 * Runs one step of a change that must not stay half done, and repeats it for at most five seconds
 * while the operating system is short of descriptors or memory.
 * @param step must be repeatable
 * @throws the error of the last try
 */
export async function retryDuringShortage<T>(
  scheduler: Scheduler,
  step: () => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await step();
    } catch (error) {
      if (tries === TRIES_MAX || !isShortageBeforeSync(error)) throw error;
      await new Promise<void>((resolve) => scheduler.after(RETRY_INTERVAL_MS, resolve));
    }
  }
}
