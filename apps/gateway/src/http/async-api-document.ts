import { Inject } from '@nestjs/common';
import { serverObject } from '#api';
import { PublicAddress } from '#http-front';
import { BuiltDocument } from './built-document.js';

/** File that the build writes beside this module (write-documents.ts). */
export const ASYNCAPI_FILE = new URL('asyncapi.json', import.meta.url);

/** The AsyncAPI document of the gateway. */
export class AsyncApiDocument extends BuiltDocument {
  constructor(@Inject(PublicAddress) address: PublicAddress) {
    super(ASYNCAPI_FILE, () => ({ gateway: serverObject(address.url) }));
  }
}
