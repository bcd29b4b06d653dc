import type { INestApplication } from '@nestjs/common';
import { openApiDocument } from './document.js';
import type { OpenApiDocument } from './openapi-types.js';

/** The OpenAPI document of the running application, made when it is first asked for. */
export class ApiDocument {
  #app: INestApplication | undefined;
  #server = '/';
  #document: OpenApiDocument | undefined;

  /**
   * Called once all routes are there.
   * @param server URL that the paths of the document are relative to
   */
  describe(app: INestApplication, server: string): void {
    this.#app = app;
    this.#server = server;
  }

  get(): OpenApiDocument {
    if (this.#app === undefined) throw new Error('the application is not described yet');
    this.#document ??= openApiDocument(this.#app, this.#server);
    return this.#document;
  }
}
