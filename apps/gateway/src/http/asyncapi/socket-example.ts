import type { ClientEvent, ServerEvent } from '../../ws/messages/socket-messages.js';

/** A frame as it is written out. */
export interface Frame<Event extends string> {
  readonly event: Event;
  readonly id?: string | number;
  readonly data?: object;
}

/** A client's frame with its answer: shown in the document, and sent by a test as it is shown. */
export interface SocketExample {
  /** Unique among all examples. */
  readonly name: string;
  readonly summary: string;
  readonly message: Frame<ClientEvent>;
  /** Undefined: nothing is answered. */
  readonly answer?: Frame<ServerEvent>;
}

/** A frame that the gateway sends on its own; a test makes it do so. */
export interface ServerExample {
  readonly name: string;
  readonly summary: string;
  readonly message: Frame<ServerEvent>;
}
