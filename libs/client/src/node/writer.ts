/** The entry `sluice-client/writer` on Node.js. */
import type { SluiceOptions } from '../connection/options.js';
import { SluiceWriter as SluiceWriterOfAnyPlatform } from '../writer.js';
import { withNodeFetch } from './with-node-fetch.js';

export * from '../writer.js';

/** A client that only writes, and whose requests use Node's own HTTP. */
export class SluiceWriter extends SluiceWriterOfAnyPlatform {
  /** @throws SluiceError INVALID_CONFIG that names the wrong option */
  constructor(options: SluiceOptions) {
    super(withNodeFetch(options));
  }
}
