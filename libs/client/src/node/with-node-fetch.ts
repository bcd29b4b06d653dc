import type { SluiceOptions } from '../connection/options.js';
import { nodeFetch } from './node-fetch.js';

/** All clients of a program share their connections. */
const shared = nodeFetch();

/** Returns options with Node's own HTTP, unless they name another `fetch`. */
export function withNodeFetch(options: SluiceOptions): SluiceOptions {
  // The check of the options tells what is wrong.
  if (typeof options !== 'object' || options === null) return options;
  return { ...options, fetch: options.fetch ?? shared };
}
