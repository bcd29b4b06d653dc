import { Controller, Header, Headers, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ENTRY_POINTS, type Input } from '#api';
import { PublicAddress } from '../shared/public-address.js';
import { Serves } from './serves.js';

/** The address without a path, which people open first. */
@Controller()
export class RootController {
  readonly #address: PublicAddress;

  constructor(@Inject(PublicAddress) address: PublicAddress) {
    this.#address = address;
  }

  /**
   * Redirects browsers to the page that shows a topic live; all other clients get a list of links.
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
    if (accept?.includes('text/html') === true) {
      reply.status(302).header('Location', this.#address.pathOf('/try')).type('text/plain');
      return '';
    }
    // Indented, for people at a terminal.
    return `${JSON.stringify(this.#list(), null, 2)}\n`;
  }

  #list(): object {
    const links = ENTRY_POINTS.map(({ name, path }) => [name, this.#address.pathOf(path)]);
    return { name: 'Sluice', links: Object.fromEntries(links) };
  }
}
