import { Controller, Header, Headers, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ENTRY_POINTS, type Input, SOCKET_PATH } from '#api';
import type { FrontListener } from '#http-front';
import { ReceivingListener } from './receiving-listener.js';
import { Serves } from './serves.js';

/** The address without a path, which people open first. */
@Controller()
export class RootController {
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
    @ReceivingListener() listener: FrontListener,
  ): string {
    if (accept?.includes('text/html') === true && isServed(listener, '/try')) {
      reply.status(302).header('Location', `${listener.pathPrefix}/try`).type('text/plain');
      return '';
    }
    // Indented, for people at a terminal.
    return `${JSON.stringify(entryPoints(listener), null, 2)}\n`;
  }
}

/** Returns what the list of entry points has: links of what the listener serves. */
function entryPoints(listener: FrontListener): object {
  const served = ENTRY_POINTS.filter(({ path }) => isServed(listener, path));
  const links = served.map(({ name, path }) => [name, listener.pathPrefix + path]);
  return { name: 'Sluice', links: Object.fromEntries(links) };
}

function isServed({ operations }: FrontListener, path: string): boolean {
  return path === SOCKET_PATH || operations.find('GET', path) !== undefined;
}
