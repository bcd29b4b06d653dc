import { readFileSync } from 'node:fs';
import type { PublicAddress } from '#http-front';

/**
 * A document about the interface of the gateway, as JSON text.
 *
 * The build creates the document, because that blocks the event loop for too long for a request and
 * needs libraries that nothing else uses. Only the servers are filled in here, at the first
 * request to a listener: its port is known then.
 */
export class BuiltDocument {
  readonly #file: URL;
  readonly #serversAt: (address: PublicAddress) => object;
  readonly #texts = new Map<PublicAddress, string>();

  /**
   * @param file JSON that the build wrote (write-documents.ts)
   * @param serversAt returns the member `servers` for clients of an address
   */
  constructor(file: URL, serversAt: (address: PublicAddress) => object) {
    this.#file = file;
    this.#serversAt = serversAt;
  }

  /** Returns the document for clients of an address. */
  get(address: PublicAddress): string {
    const known = this.#texts.get(address);
    if (known !== undefined) return known;
    const document = JSON.parse(readFileSync(this.#file, 'utf8')) as object;
    const text = JSON.stringify({ ...document, servers: this.#serversAt(address) });
    this.#texts.set(address, text);
    return text;
  }
}
