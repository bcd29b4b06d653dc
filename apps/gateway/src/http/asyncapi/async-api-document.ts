import type { INestApplication } from '@nestjs/common';
import type { AsyncApiDocumentObject } from './asyncapi-types.js';
import { asyncApiDocument } from './document.js';
import { messageSchemas } from './message-schemas.js';

/** The AsyncAPI document of the running application, made when it is first asked for. */
export class AsyncApiDocument {
  #make: (() => AsyncApiDocumentObject) | undefined;
  #document: AsyncApiDocumentObject | undefined;

  /**
   * Called once it is listened.
   * @param url what clients call the gateway by
   */
  describe(app: INestApplication, url: string): void {
    this.#make = () => asyncApiDocument(messageSchemas(app), url);
  }

  get(): AsyncApiDocumentObject {
    if (this.#make === undefined) throw new Error('the application is not described yet');
    this.#document ??= this.#make();
    return this.#document;
  }
}
