import { readFileSync } from 'node:fs';
import { serverObject } from '#api';

/** File that the build writes beside this module (write-documents.ts). */
export const ASYNCAPI_FILE = new URL('asyncapi.json', import.meta.url);

/**
 * The AsyncAPI document of the gateway, as JSON text. The build creates the document; only the
 * server is filled in here.
 */
export class AsyncApiDocument {
  #url: string | undefined;
  #text: string | undefined;

  /**
   * Called once the port is known.
   * @param url public URL of the gateway
   */
  isServedBy(url: string): void {
    this.#url = url;
    this.#text = undefined;
  }

  get(): string {
    this.#text ??= this.#read();
    return this.#text;
  }

  #read(): string {
    if (this.#url === undefined) throw new Error('the URL of the gateway is not known yet');
    const document = JSON.parse(readFileSync(ASYNCAPI_FILE, 'utf8')) as object;
    return JSON.stringify({ ...document, servers: { gateway: serverObject(this.#url) } });
  }
}
