import { Controller, Header, NotFoundException, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input } from '#api';
import { Serves } from '../serves.js';
import { readTryPage, TRY_POLICY, type TryPage } from './try-page.js';

/** Serves the page that shows a topic live in a browser. */
@Controller()
export class TryController {
  readonly #page: TryPage = readTryPage();

  @Serves('tryPage')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Content-Security-Policy', TRY_POLICY)
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Cache-Control', 'no-cache')
  page(): string {
    return this.#page.html;
  }

  @Serves('tryAsset')
  @Header('Cache-Control', 'no-cache')
  asset(
    { file: name }: Input<'tryAsset'>,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    const file = this.#page.files.get(name);
    if (file === undefined) throw new NotFoundException();
    reply.header('Content-Type', file.contentType);
    return file.text;
  }
}
