import type { CoordinationStore } from '#coordination';
import type { Scheduler } from '#runtime';

/**
 * Waits until this broker knows a version of the metadata.
 * @returns false when it does not within the time
 */
export function waitForMetadata(
  store: Pick<CoordinationStore, 'state' | 'onChange'>,
  version: number,
  { scheduler, waitMs }: { readonly scheduler: Scheduler; readonly waitMs: number },
): Promise<boolean> {
  if (store.state.version >= version) return Promise.resolve(true);
  return new Promise((resolve) => {
    const end = (isReached: boolean): void => {
      stopListening();
      timer.cancel();
      resolve(isReached);
    };
    const stopListening = store.onChange((_change, state) => {
      if (state.version >= version) end(true);
    });
    const timer = scheduler.after(waitMs, () => end(store.state.version >= version));
  });
}
