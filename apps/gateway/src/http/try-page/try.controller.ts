import { Controller, Header, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { type Input } from '#api';
import { Serves } from '../serves.js';
import { readTryPage, type TryPage } from './try-page.js';

/** Serves the page that shows a topic live in a browser. */
@Controller()
export class TryController {
  readonly #page: TryPage = readTryPage();

  @Serves('tryPage')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Cache-Control', 'no-cache')
  page(_input: Input<'tryPage'>, @Res({ passthrough: true }) reply: FastifyReply): string {
    reply.header('Content-Security-Policy', this.#page.policy);
    return this.#page.html;
  }
}
