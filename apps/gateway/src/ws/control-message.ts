import type { SubscribedSocket } from './socket-subscription.js';
import type { SocketSubscriptions } from './socket-subscriptions.js';

/** The connection of a control message. */
export interface ControlSession extends SubscribedSocket {
  readonly subscriptions: SocketSubscriptions;
}

/** The answer of a handler. */
export interface SocketAnswer {
  readonly event: string;
  readonly data: object;
  /** Called when the answer, and all before it, were written to the connection. */
  readonly onSent?: () => void;
}

/** A control message on its way through Nest, with its session and its error. */
export class ControlMessage {
  /** The error of a check or of the handler. */
  error: unknown;
  hasFailed = false;

  constructor(
    readonly session: ControlSession,
    /** Resolves when all messages before this one are answered. */
    readonly turn: () => Promise<void>,
  ) {}

  fail(error: unknown): void {
    this.error = error;
    this.hasFailed = true;
  }
}
