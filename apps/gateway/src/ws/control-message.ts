import { type AnswerData, type ClientData, type ClientEvent, type HandledEvent } from '#api';
import type { SubscribedSocket } from './socket-subscription.js';
import type { SocketSubscriptions } from './socket-subscriptions.js';

/** The connection of a control message. */
export interface ControlSession extends SubscribedSocket {
  readonly subscriptions: SocketSubscriptions;
}

/** A control message that is being handled. */
export interface ControlMessage {
  readonly session: ControlSession;
  /** Resolves when all messages before this one are answered. */
  readonly turn: () => Promise<void>;
}

/** The answer of a handler; the table of messages has its event. */
export interface SocketAnswer<Data = object> {
  readonly data: Data;
  /** Called when the answer, and all before it, were written to the connection. */
  readonly onSent?: () => void;
}

/** Answers the control messages of all connections. */
export interface ControlDispatcher {
  /**
   * Checks and handles a message.
   * @returns undefined if the message has no answer
   * @throws ProtocolError for a fault of the message
   */
  dispatch(
    event: ClientEvent,
    data: unknown,
    message: ControlMessage,
  ): Promise<SocketAnswer | undefined>;
}

/** An event that a handler answers; `publish` is none, because its records never become objects. */
export type ControlEvent = Exclude<HandledEvent, 'publish'>;

type AnswerOf<Event extends ControlEvent> =
  AnswerData<Event> extends undefined ? void : SocketAnswer<AnswerData<Event>>;

/** One handler for each event: an event without one does not compile. */
export type ControlHandlers = {
  readonly [Event in ControlEvent]: (
    data: ClientData<Event>,
    message: ControlMessage,
  ) => AnswerOf<Event> | Promise<AnswerOf<Event>>;
};
