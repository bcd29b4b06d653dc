import type { IncomingHttpHeaders } from 'node:http';
import type { ProtocolError } from '#protocol';
import type { Logger } from '#runtime';

/** Bound on the origins and hosts in warnings, because a page can invent any number. */
const WARNED_MAX = 100;

/** Warns once about each refused origin and host, because the page itself only sees a failure. */
export class ForeignCallers {
  readonly #warned = new Set<string>();
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  refused({ host, origin }: IncomingHttpHeaders, reason: ProtocolError): void {
    if (this.#warned.size >= WARNED_MAX || this.#warned.has(reason.message)) return;
    this.#warned.add(reason.message);
    this.#logger.warn({ host, origin }, `a request is refused: ${reason.message}`);
  }
}
