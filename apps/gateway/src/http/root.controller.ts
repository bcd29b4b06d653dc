import { Controller, Get, Header, Headers, Inject, Res } from '@nestjs/common';
import { ApiFoundResponse, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { PublicAddress } from '../engine/public-address.js';
import { SOCKET_PATH } from '../ws/messages/socket-messages.js';
import { EntryPointsDto } from './dto/entry-points.dto.js';

/** The address without a path, which people open first. */
@ApiTags('cluster')
@Controller()
export class RootController {
  readonly #address: PublicAddress;

  constructor(@Inject(PublicAddress) address: PublicAddress) {
    this.#address = address;
  }

  /**
   * Redirects browsers to the page that shows a topic live; all other clients get a list of links.
   */
  @Get()
  @ApiOperation({
    operationId: 'listEntryPoints',
    summary: 'List the entry points',
    description: 'A client that prefers `text/html` is redirected to the page `/try`.',
  })
  @ApiOkResponse({ type: EntryPointsDto, description: 'The entry points.' })
  @ApiFoundResponse({
    description: 'The client prefers `text/html`.',
    headers: { Location: { description: 'Path of the page `/try`.', schema: { type: 'string' } } },
  })
  @Header('Content-Type', 'application/json')
  @Header('Cache-Control', 'no-cache')
  @Header('Vary', 'Accept')
  entryPoints(
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

  #list(): EntryPointsDto {
    const at = (path: string): string => this.#address.pathOf(path);
    return {
      name: 'Sluice',
      links: {
        topics: at('/v1/topics'),
        webSocket: at(SOCKET_PATH),
        cluster: at('/v1/cluster'),
        try: at('/try'),
        docs: at('/docs'),
        openapi: at('/openapi.json'),
        asyncapi: at('/asyncapi.json'),
        live: at('/health/live'),
        ready: at('/health/ready'),
        metrics: at('/metrics'),
      },
    };
  }
}
