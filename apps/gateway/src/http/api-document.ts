import { readFileSync } from 'node:fs';
import { Inject } from '@nestjs/common';
import { PublicAddress } from '../shared/public-address.js';

/** File that the build writes beside this module (write-documents.ts). */
export const OPENAPI_FILE = new URL('openapi.json', import.meta.url);

/**
 * The OpenAPI document of the gateway, as JSON text.
 *
 * The build creates the document, because that blocks the event loop for too long for a request and
 * needs libraries that nothing else uses. Only the server's URL is filled in here.
 */
export class ApiDocument {
  readonly #address: PublicAddress;
  #text: string | undefined;

  constructor(@Inject(PublicAddress) address: PublicAddress) {
    this.#address = address;
  }

  get(): string {
    this.#text ??= this.#read();
    return this.#text;
  }

  #read(): string {
    const document = JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as object;
    return JSON.stringify({ ...document, servers: [{ url: this.#address.documentedServer }] });
  }
}
