import { Controller, Get, Header, Inject, NotFoundException, Param, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { AsyncApiDocument } from './asyncapi/async-api-document.js';
import { DOCS_PAGE, DOCS_POLICY, DOCS_SCRIPT, docsAsset } from './docs-assets.js';
import { ApiDocument } from './openapi/api-document.js';

/** Serves the API's descriptions, for programs and for people. */
@ApiExcludeController()
@Controller()
export class DocsController {
  readonly #document: ApiDocument;
  readonly #asyncDocument: AsyncApiDocument;

  constructor(
    @Inject(ApiDocument) document: ApiDocument,
    @Inject(AsyncApiDocument) asyncDocument: AsyncApiDocument,
  ) {
    this.#document = document;
    this.#asyncDocument = asyncDocument;
  }

  @Get('openapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  openapi(): string {
    return this.#document.get();
  }

  @Get('asyncapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  asyncapi(): string {
    return this.#asyncDocument.get();
  }

  @Get('docs')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', DOCS_POLICY)
  @Header('Referrer-Policy', 'no-referrer')
  page(): string {
    return DOCS_PAGE;
  }

  @Get('docs/start.js')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return DOCS_SCRIPT;
  }

  @Get('docs/:file')
  async asset(@Param('file') file: string, @Res() reply: FastifyReply): Promise<void> {
    const asset = await docsAsset(file);
    if (asset === undefined) throw new NotFoundException();
    await reply
      .header('Content-Type', asset.contentType)
      .header('Cache-Control', 'max-age=3600')
      .send(asset.bytes);
  }
}
