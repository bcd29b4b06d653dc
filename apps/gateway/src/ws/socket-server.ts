/**
 * All WebSocket connections of this process: their start, their supervision and their end.
 *
 * Overlap: connections come and go at any time. `close` is called once; later connections are
 * refused.
 */

import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { type Server, WebSocketServer } from 'ws';
import { SOCKET_PATH, SUBPROTOCOL } from '#api';
import type { Broker } from '#broker';
import type { Delivery } from '#delivery';
import type { AdmittedUpgrade, ClientErrors, UpgradeHandler, UpgradeRefusal } from '#http-front';
import type { SocketStatus } from '#observability';
import { ProtocolError } from '#protocol';
import type { DocumentLimits } from '#record-json';
import {
  assert,
  type Clock,
  type Logger,
  type Scheduler,
  type SharedAccount,
  type Timer,
} from '#runtime';
import type { EdgeSecurity, OpenUses } from '#security';
import { acceptedOffers, SocketWatch, UnpackingSlots } from '#web-socket';
import type { ControlDispatcher } from './control-message.js';
import { GatewaySocket, type OpenedSocket } from './gateway-socket.js';
import type { SocketContext } from './socket-context.js';
import { SocketSession } from './socket-session.js';

/**
 * Compressed messages of all connections that are decompressed at the same time. Each may expand to
 * SLUICE_REQUEST_BYTES_MAX before it is counted.
 */
const UNPACKED_AT_ONCE_MAX = 4;
const WEBSOCKET_VERSION = '13';

/** The settings of WebSockets. */
export interface SocketServerOptions extends DocumentLimits {
  readonly controlBytesMax: number;
  readonly requestBytesMax: number;
  readonly recordsPerRequestMax: number;
  readonly headersPerRecordMax: number;
  readonly autoCreateTopics: boolean;
  readonly socketBufferBytes: number;
  readonly subscriptionsPerSocketMax: number;
  readonly socketInboxMessagesMax: number;
  readonly socketPingIntervalMs: number;
  readonly socketStalledTimeoutMs: number;
  readonly socketCloseTimeoutMs: number;
  readonly socketCompression: 'off' | 'on';
  readonly socketAuthTimeoutMs: number;
}

/** The collaborators of WebSockets. */
export interface SocketServerParts {
  readonly broker: Broker;
  readonly delivery: Delivery;
  readonly memory: SharedAccount;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly logger: Logger;
  readonly errors: ClientErrors;
  /** Path that a proxy puts before every path; empty for none. */
  readonly pathPrefix: string;
  /** Undefined while authentication is off. */
  readonly security: EdgeSecurity | undefined;
  /** Ends connections of callers that lose their permission. */
  readonly openUses: OpenUses | undefined;
}

export class SocketServer implements UpgradeHandler {
  readonly path = SOCKET_PATH;
  readonly #options: SocketServerOptions;
  readonly #parts: SocketServerParts;
  readonly #server: Server<typeof GatewaySocket>;
  readonly #context: SocketContext<SocketSession>;
  readonly #watch: SocketWatch;
  readonly #sessions = new Set<SocketSession>();
  /** Timers of connections that were sent a close frame. */
  readonly #closeTimers = new Map<SocketSession, Timer>();
  #dispatcher: ControlDispatcher | undefined;
  #openedTotal = 0;
  #messagesTotal = 0;
  #deadTotal = 0;
  #stalledTotal = 0;
  #refusedTotal = 0;
  #closeTimeoutsTotal = 0;
  #onEmpty: (() => void) | undefined;

  constructor(options: SocketServerOptions, parts: SocketServerParts) {
    const { clock, scheduler } = parts;
    this.#options = options;
    this.#parts = parts;
    this.#server = new WebSocketServer<typeof GatewaySocket>({
      noServer: true,
      clientTracking: false,
      autoPong: false,
      maxPayload: options.requestBytesMax,
      perMessageDeflate: options.socketCompression === 'on' && DEFLATE,
      handleProtocols: () => SUBPROTOCOL,
      WebSocket: GatewaySocket,
    });
    this.#context = this.#sharedContext();
    this.#watch = new SocketWatch({ clock, scheduler, intervalMs: options.socketPingIntervalMs });
  }

  status(): SocketStatus {
    let pausedSockets = 0;
    let pendingBytes = 0;
    for (const session of this.#sessions) {
      if (session.isPaused) pausedSockets += 1;
      pendingBytes += session.pendingBytes;
    }
    return {
      sockets: this.#sessions.size,
      pausedSockets,
      pendingBytes,
      openedTotal: this.#openedTotal,
      messagesTotal: this.#messagesTotal,
      deadTotal: this.#deadTotal,
      stalledTotal: this.#stalledTotal,
      refusedTotal: this.#refusedTotal,
      closeTimeoutsTotal: this.#closeTimeoutsTotal,
    };
  }

  /** Sets what answers control messages; called once, before the first connection. */
  answerWith(dispatcher: ControlDispatcher): void {
    this.#dispatcher = dispatcher;
  }

  refusal({ headers }: IncomingMessage): UpgradeRefusal | undefined {
    if (headers['sec-websocket-version'] !== WEBSOCKET_VERSION) {
      const detail = `Only version ${WEBSOCKET_VERSION} of the WebSocket protocol is supported.`;
      return {
        error: new ProtocolError('INVALID_REQUEST', detail),
        status: 426,
        headers: ['Sec-WebSocket-Version', WEBSOCKET_VERSION, 'Upgrade', 'websocket'],
      };
    }
    const offered = headers['sec-websocket-protocol'] ?? '';
    if (offered.split(',').some((each) => each.trim() === SUBPROTOCOL)) return undefined;
    const detail =
      `A client of ${SOCKET_PATH} offers the subprotocol "${SUBPROTOCOL}" ` +
      `(new WebSocket(url, "${SUBPROTOCOL}")); this one offers ` +
      `${offered === '' ? 'none' : JSON.stringify(offered)}.`;
    return { error: new ProtocolError('INVALID_REQUEST', detail) };
  }

  accept(
    request: IncomingMessage,
    tcp: Socket,
    head: Buffer,
    { access, refuse, belongTo }: AdmittedUpgrade,
  ): void {
    const { headers } = request;
    const offers = acceptedOffers(headers['sec-websocket-extensions'] ?? '');
    if (offers === '') delete headers['sec-websocket-extensions'];
    else headers['sec-websocket-extensions'] = offers;
    // ws finds any other fault of the request.
    this.#server.once('wsClientError', (error: Error) => {
      refuse({
        error: new ProtocolError('INVALID_REQUEST', `${error.message}.`, { cause: error }),
      });
    });
    const address = this.#parts.security?.logins.addressOf(request) ?? '';
    this.#server.handleUpgrade(request, tcp, head, (socket) => {
      this.#opened({ socket, tcp, access, address, belongTo });
    });
    this.#server.removeAllListeners('wsClientError');
  }

  /**
   * Stops reading and closes every connection after its messages are answered; resolves when all
   * are closed.
   * @param answerMsMax time that this may take
   */
  async close(answerMsMax: number): Promise<void> {
    for (const session of this.#sessions) session.stop();
    const timer = this.#parts.scheduler.after(answerMsMax, () => {
      for (const session of this.#sessions) session.terminate();
    });
    if (this.#sessions.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onEmpty = resolve;
      });
    }
    timer.cancel();
    this.#watch.close();
  }

  #opened(opened: OpenedSocket): void {
    const session = new SocketSession(opened, this.#context);
    this.#openedTotal += 1;
    this.#sessions.add(session);
    const { openUses } = this.#parts;
    if (openUses !== undefined) opened.tcp.once('close', openUses.add(session));
    this.#watch.add(session);
  }

  #sharedContext(): SocketContext<SocketSession> {
    const { broker, clock, delivery, errors, logger, memory, pathPrefix, scheduler } = this.#parts;
    const options = this.#options;
    return {
      broker,
      delivery,
      unpackingSlots: new UnpackingSlots(UNPACKED_AT_ONCE_MAX),
      messageBytesMax: options.requestBytesMax,
      logger,
      errors,
      instance: pathPrefix + SOCKET_PATH,
      nowMs: () => clock.monotonicMs(),
      limits: {
        recordsMax: options.recordsPerRequestMax,
        headersPerRecordMax: options.headersPerRecordMax,
        faultyMembersMax: options.bodyMembersMax,
        nowMs: () => clock.nowMs(),
        controlBytesMax: options.controlBytesMax,
        bodyItemsMax: options.bodyItemsMax,
        bodyMembersMax: options.bodyMembersMax,
        bodyValuesMax: options.bodyValuesMax,
        bodyDepthMax: options.bodyDepthMax,
      },
      autoCreateTopics: options.autoCreateTopics,
      bufferBytes: options.socketBufferBytes,
      subscriptionsMax: options.subscriptionsPerSocketMax,
      unansweredMax: options.socketInboxMessagesMax,
      stalledTimeoutMs: options.socketStalledTimeoutMs,
      callers: {
        memory,
        security: this.#parts.security,
        scheduler,
        socketAuthTimeoutMs: options.socketAuthTimeoutMs,
      },
      dispatch: (event, data, message) => {
        assert(this.#dispatcher !== undefined, 'nothing answers messages');
        return this.#dispatcher.dispatch(event, data, message);
      },
      received: () => {
        this.#messagesTotal += 1;
      },
      dropped: (verdict) => {
        if (verdict === 'dead') this.#deadTotal += 1;
        else this.#stalledTotal += 1;
      },
      refused: () => {
        this.#refusedTotal += 1;
      },
      closing: (session) => {
        const timer = scheduler.after(options.socketCloseTimeoutMs, () => {
          this.#closeTimers.delete(session);
          this.#closeTimeoutsTotal += 1;
          session.terminate();
        });
        this.#closeTimers.set(session, timer);
      },
      closed: (session) => {
        this.#watch.remove(session);
        this.#sessions.delete(session);
        this.#closeTimers.get(session)?.cancel();
        this.#closeTimers.delete(session);
        if (this.#sessions.size === 0) this.#onEmpty?.();
      },
    };
  }
}

/** Messages use no context of earlier ones, so that a compressed frame is the same for all. */
const DEFLATE = { serverNoContextTakeover: true, clientNoContextTakeover: true } as const;
