import { BuiltDocument } from './built-document.js';

/** File that the build writes beside this module (write-documents.ts). */
export const OPENAPI_FILE = new URL('openapi.json', import.meta.url);

/** The OpenAPI document of the gateway. */
export class ApiDocument extends BuiltDocument {
  constructor() {
    super(OPENAPI_FILE, ({ documentedServer }) => [{ url: documentedServer }]);
  }
}
