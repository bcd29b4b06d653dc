import type { SubscribedSocket } from './socket-subscription.js';
import type { SocketSubscriptions } from './socket-subscriptions.js';

/** The connection that a control message came over. */
export interface ControlSession extends SubscribedSocket {
  readonly subscriptions: SocketSubscriptions;
}

/** What a handler answers. */
export interface SocketAnswer {
  readonly event: string;
  readonly data: object;
  /** Called when the answer, and all before it, were handed to the connection. */
  readonly onSent?: () => void;
}

/** A control message on its way through Nest: whose it is, and how it ended. */
export class ControlMessage {
  /** What a check or the handler threw. */
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
