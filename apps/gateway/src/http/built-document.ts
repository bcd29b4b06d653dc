import { readFileSync } from 'node:fs';

/**
 * A document about the interface of the gateway, as JSON text.
 *
 * The build creates the document, because that blocks the event loop for too long for a request and
 * needs libraries that nothing else uses. Only the servers are filled in here, at the first
 * request: the port of the gateway is known then.
 */
export class BuiltDocument {
  readonly #file: URL;
  readonly #servers: () => object;
  #text: string | undefined;

  /**
   * @param file JSON that the build wrote (write-documents.ts)
   * @param servers returns the member `servers`
   */
  constructor(file: URL, servers: () => object) {
    this.#file = file;
    this.#servers = servers;
  }

  get(): string {
    this.#text ??= this.#read();
    return this.#text;
  }

  #read(): string {
    const document = JSON.parse(readFileSync(this.#file, 'utf8')) as object;
    return JSON.stringify({ ...document, servers: this.#servers() });
  }
}
