import { Controller, Header, Inject, NotFoundException, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input } from '#api';
import type { FrontListener } from '#http-front';
import { ApiDocument } from './api-document.js';
import { AsyncApiDocument } from './async-api-document.js';
import { DOCS_PAGE, DOCS_POLICY, DOCS_SCRIPT, docsAsset } from './docs-assets.js';
import { ReceivingListener } from './receiving-listener.js';
import { Serves } from './serves.js';

/** Serves the API's descriptions, for programs and for people. */
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

  @Serves('openapiDocument')
  @Header('Content-Type', 'application/json; charset=utf-8')
  openapi(
    _input: Input<'openapiDocument'>,
    @ReceivingListener() { address }: FrontListener,
  ): string {
    return this.#document.get(address);
  }

  @Serves('asyncapiDocument')
  @Header('Content-Type', 'application/json; charset=utf-8')
  asyncapi(
    _input: Input<'asyncapiDocument'>,
    @ReceivingListener() { address }: FrontListener,
  ): string {
    return this.#asyncDocument.get(address);
  }

  @Serves('docsPage')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', DOCS_POLICY)
  @Header('Referrer-Policy', 'no-referrer')
  page(): string {
    return DOCS_PAGE;
  }

  @Serves('docsScript')
  @Header('Content-Type', 'text/javascript; charset=utf-8')
  script(): string {
    return DOCS_SCRIPT;
  }

  @Serves('docsAsset')
  async asset({ file }: Input<'docsAsset'>, @Res() reply: FastifyReply): Promise<void> {
    const asset = await docsAsset(file);
    if (asset === undefined) throw new NotFoundException();
    await reply
      .header('Content-Type', asset.contentType)
      .header('Cache-Control', 'max-age=3600')
      .send(asset.bytes);
  }
}
