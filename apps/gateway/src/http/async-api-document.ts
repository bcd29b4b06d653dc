import { readFileSync } from 'node:fs';
import { Inject } from '@nestjs/common';
import { serverObject } from '#api';
import { PublicAddress } from '../shared/public-address.js';

/** File that the build writes beside this module (write-documents.ts). */
export const ASYNCAPI_FILE = new URL('asyncapi.json', import.meta.url);

/**
 * The AsyncAPI document of the gateway, as JSON text. The build creates the document; only the
 * server is filled in here, at the first request: its port is known then.
 */
export class AsyncApiDocument {
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
    const document = JSON.parse(readFileSync(ASYNCAPI_FILE, 'utf8')) as object;
    return JSON.stringify({ ...document, servers: { gateway: serverObject(this.#address.url) } });
  }
}
