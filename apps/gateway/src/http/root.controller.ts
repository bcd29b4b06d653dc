import { Controller, Header, Headers, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ENTRY_POINTS, type Input, SOCKET_PATH } from '#api';
import { OperationRouter, PublicAddress } from '#http-front';
import { Serves } from './serves.js';

/** The address without a path, which people open first. */
@Controller()
export class RootController {
  readonly #address: PublicAddress;
  readonly #operations: OperationRouter;

  constructor(
    @Inject(PublicAddress) address: PublicAddress,
    @Inject(OperationRouter) operations: OperationRouter,
  ) {
    this.#address = address;
    this.#operations = operations;
  }

  /**
   * Redirects browsers to the page that shows a topic live, if it is served; all other clients get
   * a list of links.
   */
  @Serves('listEntryPoints')
  @Header('Content-Type', 'application/json')
  @Header('Cache-Control', 'no-cache')
  @Header('Vary', 'Accept')
  entryPoints(
    _input: Input<'listEntryPoints'>,
    @Headers('accept') accept: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): string {
    if (accept?.includes('text/html') === true && this.#isServed('/try')) {
      reply.status(302).header('Location', this.#address.pathOf('/try')).type('text/plain');
      return '';
    }
    // Indented, for people at a terminal.
    return `${JSON.stringify(this.#list(), null, 2)}\n`;
  }

  #list(): object {
    const links = ENTRY_POINTS.filter(({ path }) => this.#isServed(path)).map(({ name, path }) => [
      name,
      this.#address.pathOf(path),
    ]);
    return { name: 'Sluice', links: Object.fromEntries(links) };
  }

  #isServed(path: string): boolean {
    return path === SOCKET_PATH || this.#operations.find('GET', path) !== undefined;
  }
}
