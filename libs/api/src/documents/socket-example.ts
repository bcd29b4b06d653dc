import type { ClientEvent, ServerEvent } from '../socket/socket-messages.js';

/** A frame as JSON. */
export interface Frame<Event extends string> {
  readonly event: Event;
  readonly id?: string | number;
  readonly data?: object;
}

/** A client's frame with its answer. The document shows it, and a test sends exactly this frame. */
export interface SocketExample {
  /** Unique among all examples. */
  readonly name: string;
  readonly summary: string;
  readonly message: Frame<ClientEvent>;
  /** Undefined if the frame is not answered. */
  readonly answer?: Frame<ServerEvent>;
}

/** A frame that the gateway sends without a request; a test provokes it. */
export interface ServerExample {
  readonly name: string;
  readonly summary: string;
  readonly message: Frame<ServerEvent>;
}
