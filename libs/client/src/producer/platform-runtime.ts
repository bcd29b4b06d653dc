import type { CreateError, ProducerRuntime } from '../../../producer/src/index.js';
import { SluiceError } from '../sluice-error.js';

/** The part of the platform that only some have. */
const platform = globalThis as { readonly setImmediate?: (task: () => void) => unknown };

/** The clocks, timers and errors of producers. */
export const PLATFORM_RUNTIME: ProducerRuntime = {
  clock: { nowMs: () => Date.now(), monotonicMs: () => performance.now() },
  timers: {
    after(delayMs, task) {
      const timer = setTimeout(task, delayMs);
      return { cancel: () => clearTimeout(timer) };
    },
    soon,
  },
  random: { below: (bound) => Math.floor(Math.random() * bound) },
  createError: ((code, detail, details) => new SluiceError(code, detail, details)) as CreateError,
};

/** A hidden tab delays timers up to a minute, but no messages. */
function soon(task: () => void): void {
  if (platform.setImmediate !== undefined) {
    platform.setImmediate(task);
    return;
  }
  const { port1, port2 } = new MessageChannel();
  port1.addEventListener('message', () => {
    port1.close();
    task();
  });
  port1.start();
  port2.postMessage(0);
}
