/** The entry `sluice-client/reader` on Node.js. */
import type { SluiceOptions } from '../connection/options.js';
import { SluiceReader as SluiceReaderOfAnyPlatform } from '../reader.js';
import { withNodeFetch } from './with-node-fetch.js';

export * from '../reader.js';

/** A client that only reads, and whose requests use Node's own HTTP. */
export class SluiceReader extends SluiceReaderOfAnyPlatform {
  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    super(withNodeFetch(options));
  }
}
