/** The entry `sluice-client` on Node.js. */
import type { SluiceOptions } from '../connection/options.js';
import { Sluice as SluiceOfAnyPlatform } from '../index.js';
import { withNodeFetch } from './with-node-fetch.js';

export * from '../index.js';

/** A client whose requests use Node's own HTTP. */
export class Sluice extends SluiceOfAnyPlatform {
  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    super(withNodeFetch(options));
  }
}
