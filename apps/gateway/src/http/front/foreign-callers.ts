import type { IncomingHttpHeaders } from 'node:http';
import type { ProtocolError } from '#protocol';
import type { Logger } from '#runtime';

/** Origins and hosts that are warned of; a page can make up as many as it likes. */
const WARNED_MAX = 100;

/** Warns once of each origin and host that is refused: the page itself only sees that it failed. */
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
