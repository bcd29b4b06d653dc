import { serverObject } from '#api';
import { BuiltDocument } from './built-document.js';

/** File that the build writes beside this module (write-documents.ts). */
export const ASYNCAPI_FILE = new URL('asyncapi.json', import.meta.url);

/** The AsyncAPI document of the gateway. */
export class AsyncApiDocument extends BuiltDocument {
  constructor() {
    super(ASYNCAPI_FILE, ({ url }) => ({ gateway: serverObject(url) }));
  }
}
