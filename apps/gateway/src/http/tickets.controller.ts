import { Controller, Header, Inject } from '@nestjs/common';
import type { Input, Output } from '#api';
import { ProtocolError } from '#protocol';
import type { Access, EdgeSecurity } from '#security';
import { EDGE_SECURITY } from '../shared/tokens.js';
import { CallerAccess } from './caller-access.js';
import { Serves } from './serves.js';

/** Tickets for browsers, which cannot set headers on a WebSocket or an EventSource. */
@Controller()
export class TicketsController {
  readonly #security: EdgeSecurity | undefined;

  constructor(@Inject(EDGE_SECURITY) security: EdgeSecurity | undefined) {
    this.#security = security;
  }

  @Serves('createTicket')
  @Header('Cache-Control', 'no-store')
  createTicket(
    _input: Input<'createTicket'>,
    @CallerAccess() { caller }: Access,
  ): Output<'createTicket'> {
    if (this.#security === undefined) {
      throw new ProtocolError(
        'SECURITY_DISABLED',
        'Authentication is off (SLUICE_AUTH), so that no ticket is needed.',
      );
    }
    const { ticket, expiresAtMs } = this.#security.tickets.issue(caller);
    return { ticket, expiresAt: expiresAtMs };
  }
}
