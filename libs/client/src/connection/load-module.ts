import { networkError } from '../sluice-error.js';
import type { Endpoints } from './endpoints.js';

/** Time in which the load of a module is tried again, ms. */
const LOAD_MS_MAX = 60_000;

/** Loads a module of the client. */
export type LoadModule = <T>(load: () => Promise<T>) => Promise<T>;

/**
 * Loads a module of the client, and tries again while that fails: a page may lose the network.
 * @throws SluiceError NETWORK_EXCEPTION, or ILLEGAL_STATE when the client is closed
 */
export function loadModule<T>(endpoints: Endpoints, load: () => Promise<T>): Promise<T> {
  const loadOnce = (): Promise<T> =>
    load().catch((cause: unknown) => {
      throw networkError('a module of the client could not be loaded', 'failed', cause);
    });
  return endpoints.again(loadOnce, endpoints.closing.signal, LOAD_MS_MAX);
}
