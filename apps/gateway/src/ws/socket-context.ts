import type { MessageLimits } from '#api';
import type { Broker } from '#broker';
import type { Delivery } from '#delivery';
import type { ClientErrors } from '#http-front';
import type { Logger } from '#runtime';
import type { UnpackingSlots } from '#web-socket';
import type { ControlDispatcher } from './control-message.js';
import type { CallerContext } from './socket-caller.js';

/** State that all connections share. */
export interface SocketContext<Session> {
  readonly broker: Broker;
  readonly delivery: Delivery;
  /** Bounds the compressed messages of all connections that are decompressed at the same time. */
  readonly unpackingSlots: UnpackingSlots;
  readonly messageBytesMax: number;
  readonly logger: Logger;
  readonly errors: ClientErrors;
  /** Path of the WebSocket as clients see it: the `instance` of its problems. */
  readonly instance: string;
  readonly limits: MessageLimits;
  readonly autoCreateTopics: boolean;
  readonly bufferBytes: number;
  readonly subscriptionsMax: number;
  readonly unansweredMax: number;
  readonly stalledTimeoutMs: number;
  readonly callers: CallerContext;
  nowMs(): number;
  /** Passes a control message to its handler. */
  readonly dispatch: ControlDispatcher['dispatch'];
  /** Called for each received message. */
  received(): void;
  /** Called if the connection is closed because there is no memory for its messages. */
  refused(): void;
  /** Called if the connection is dropped. */
  dropped(verdict: 'dead' | 'stalled'): void;
  /** Called before the connection is closed, by either side. */
  closing(session: Session): void;
  /** Called after the connection is gone. */
  closed(session: Session): void;
}
