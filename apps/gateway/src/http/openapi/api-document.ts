import type { INestApplication } from '@nestjs/common';
import { openApiDocument } from './document.js';
import type { OpenApiDocument } from './openapi-types.js';

/** The OpenAPI document of the running application, made when it is first asked for. */
export class ApiDocument {
  #app: INestApplication | undefined;
  #document: OpenApiDocument | undefined;

  /** Called once all routes are there. */
  describe(app: INestApplication): void {
    this.#app = app;
  }

  get(): OpenApiDocument {
    if (this.#app === undefined) throw new Error('the application is not described yet');
    this.#document ??= openApiDocument(this.#app);
    return this.#document;
  }
}
