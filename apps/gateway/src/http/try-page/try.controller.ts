import { Controller, Get, Header, Res } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { readTryPage, type TryPage } from './try-page.js';

/** Serves the page that shows a topic live in a browser. */
@ApiExcludeController()
@Controller()
export class TryController {
  readonly #page: TryPage = readTryPage();

  @Get('try')
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Referrer-Policy', 'no-referrer')
  @Header('Cache-Control', 'no-cache')
  page(@Res({ passthrough: true }) reply: FastifyReply): string {
    reply.header('Content-Security-Policy', this.#page.policy);
    return this.#page.html;
  }
}
