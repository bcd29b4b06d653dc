import { type AnswerData, type ClientData, type ClientEvent } from '#api';
import type { SocketCaller } from './socket-caller.js';
import type { ProblemContext } from './socket-problem.js';
import type { SubscribedSocket } from './socket-subscription.js';
import type { SocketSubscriptions } from './socket-subscriptions.js';

/** The connection of a control message. */
export interface ControlSession extends SubscribedSocket {
  readonly subscriptions: SocketSubscriptions;
  readonly caller: SocketCaller;
}

/** A control message that is being handled. */
export interface ControlMessage {
  readonly session: ControlSession;
  /** Resolves when all messages before this one are answered. */
  readonly turn: () => Promise<void>;
}

/** A part of a message that was refused. */
interface RefusedPart {
  readonly error: unknown;
  readonly about: ProblemContext;
}

/** The answer of a handler; the table of messages has its event. */
export interface SocketAnswer<Data = object> {
  /** Undefined when the message was refused for all that it names. */
  readonly data: Data | undefined;
  /** Parts of the message that were refused; they are answered first. */
  readonly errors?: readonly RefusedPart[];
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
export type ControlEvent = Exclude<ClientEvent, 'publish'>;

type AnswerOf<Event extends ControlEvent> =
  AnswerData<Event> extends undefined ? void : SocketAnswer<AnswerData<Event>>;

/** One handler for each event: an event without one does not compile. */
export type ControlHandlers = {
  readonly [Event in ControlEvent]: (
    data: ClientData<Event>,
    message: ControlMessage,
  ) => AnswerOf<Event> | Promise<AnswerOf<Event>>;
};
