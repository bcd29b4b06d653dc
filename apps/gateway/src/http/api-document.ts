import { readFileSync } from 'node:fs';

/** File that the build writes beside this module (write-documents.ts). */
export const OPENAPI_FILE = new URL('openapi.json', import.meta.url);

/**
 * The OpenAPI document of the gateway, as JSON text.
 *
 * The build creates the document, because that blocks the event loop for too long for a request and
 * needs libraries that nothing else uses. Only the server's URL is filled in here.
 */
export class ApiDocument {
  #server = '/';
  #text: string | undefined;

  /** @param server URL that the paths of the document are relative to */
  isServedBy(server: string): void {
    this.#server = server;
    this.#text = undefined;
  }

  get(): string {
    this.#text ??= this.#read();
    return this.#text;
  }

  #read(): string {
    const document = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as object;
    return JSON.stringify({ ...document, servers: [{ url: this.#server }] });
  }
}
