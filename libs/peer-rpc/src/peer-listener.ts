/**
 * The private listener, which the other brokers of the cluster call.
 *
 * It is a plain node:http server, because every record of a cluster passes through it. A call is
 * admitted by its head alone (peer-admission.ts). Each body is bounded, and so are all bodies and
 * all calls together.
 *
 * Overlap: calls overlap freely. `listen` comes first, then `serve` once, at the end `close` once.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { ProtocolError } from '#protocol';
import {
  MalformedPeerMessageError,
  NotLeaderError,
  type PeerHandler,
  type PeerHandlers,
  type PeerMethod,
} from '#replication';
import { assert, HeldMemory, kindOfError, MemoryBudget, type Scheduler, SparseLog } from '#runtime';
import { AcceptedSessions } from './authentication/accepted-sessions.js';
import { refusalStatement } from './authentication/refusal-statement.js';
import { answerHead, callHead, partsOf } from './authentication/session-id.js';
import { type AnswerProof, IncomingCall, NO_PROOF } from './incoming-call.js';
import {
  type Admitted,
  PeerAdmission,
  type PeerRefusal,
  UNAVAILABLE,
  unauthenticated,
  unavailable,
} from './peer-admission.js';
import { decodePeerMessage } from './peer-message-codec.js';
import { PEER_HEADERS, PEER_PATH, type PeerIdentity } from './peer-protocol.js';
import type { PeerRpcPorts } from './peer-rpc-ports.js';
import type { PeerTls } from './peer-tls.js';

/**
 * Callers learn this value and close an idle connection two seconds earlier, so that no call meets
 * a connection at its end.
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
/** Connections beyond the number of calls, because idle ones are kept. */
const IDLE_CONNECTIONS_MAX = 1024;

/** A caller that may call methods. */
type AdmittedCaller = Admitted & { readonly kind: 'channel' | 'session' };

export interface PeerListenerOptions extends PeerIdentity {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly tls: PeerTls | undefined;
  /** True if TLS proves both ends of each connection: calls need no session then. */
  readonly isChannelSecure: boolean;
  /** Largest accepted message in bytes. */
  readonly messageBytesMax: number;
  /** Bytes of the messages of all calls in flight. */
  readonly memoryBytesMax: number;
  /** Calls in flight, including waiting ones. */
  readonly callsMax: number;
  /** Time that a call may take to arrive. */
  readonly arrivalTimeoutMs: number;
}

/** Values for metrics. */
export interface PeerListenerStatus {
  readonly callsInFlight: number;
  readonly heldBytes: number;
  /** Calls refused since the start. */
  readonly callsRefused: number;
  readonly callsFailed: number;
}

/** The private address or port is not available. */
export class PeerListenError extends Error {
  override readonly name = 'PeerListenError';
}

export class PeerListener {
  readonly #options: PeerListenerOptions;
  readonly #admission: PeerAdmission;
  /** Undefined on secure channels. */
  readonly #sessions: AcceptedSessions | undefined;
  readonly #memory: MemoryBudget;
  readonly #server: Server;
  readonly #calls = new Set<IncomingCall>();
  readonly #log: SparseLog;
  readonly #scheduler: Scheduler;
  #served: { readonly clusterUuid: string; readonly handlers: PeerHandlers } | undefined;
  #isClosing = false;
  #onDrained: (() => void) | undefined;
  #callsRefused = 0;
  #callsFailed = 0;

  constructor(options: PeerListenerOptions, { logger, scheduler }: PeerRpcPorts) {
    this.#options = options;
    this.#sessions = options.isChannelSecure ? undefined : new AcceptedSessions(options.secrets);
    this.#admission = new PeerAdmission(options, this.#sessions);
    this.#memory = new MemoryBudget(options.memoryBytesMax, () => this.#outOfMemory());
    this.#log = new SparseLog(logger);
    this.#scheduler = scheduler;
    this.#server = this.#createServer();
  }

  /**
   * Binds the address; calls are refused until `serve`.
   * @throws PeerListenError
   */
  listen(): Promise<void> {
    const { host, port } = this.#options;
    return new Promise((resolve, reject) => {
      const onError = (cause: Error): void => {
        const where = `${host}, port ${port} (SLUICE_CLUSTER_HOST, SLUICE_CLUSTER_PORT)`;
        reject(new PeerListenError(`cannot listen on ${where}: ${cause.message}`, { cause }));
      };
      this.#server.once('error', onError);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError);
        resolve();
      });
    });
  }

  /** The port of the listener. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Uses other certificates from the next handshake on, and ends connections without a call. */
  useTls(tls: PeerTls): void {
    assert(this.#server instanceof TlsServer, 'a listener without TLS');
    this.#server.setSecureContext(tls);
    this.#server.closeIdleConnections();
  }

  /** Accepts calls from now on. */
  serve(clusterUuid: string, handlers: PeerHandlers): void {
    this.#served = { clusterUuid, handlers };
  }

  status(): PeerListenerStatus {
    return {
      callsInFlight: this.#calls.size,
      heldBytes: this.#memory.heldBytes,
      callsRefused: this.#callsRefused,
      callsFailed: this.#callsFailed,
    };
  }

  /**
   * Refuses new calls; resolves when calls in flight are answered or aborted.
   * @param graceMs time for the calls in flight; then their signals are aborted and connections cut
   */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    this.#server.closeIdleConnections();
    const timer = this.#scheduler.after(graceMs, () => {
      // Closing the connections aborts the signals of their calls.
      this.#server.closeAllConnections();
    });
    await this.#drained();
    timer.cancel();
    this.#server.closeAllConnections();
    await closed;
  }

  #drained(): Promise<void> {
    if (this.#calls.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onDrained = resolve;
    });
  }

  #createServer(): Server {
    const { tls, arrivalTimeoutMs, callsMax } = this.#options;
    const serverOptions = {
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      requestTimeout: arrivalTimeoutMs,
      headersTimeout: arrivalTimeoutMs,
      connectionsCheckingInterval: Math.ceil(arrivalTimeoutMs / 4),
      noDelay: true,
    };
    const server =
      tls === undefined
        ? createServer(serverOptions)
        : createTlsServer({
            ...serverOptions,
            ...tls,
            requestCert: true,
            rejectUnauthorized: true,
          });
    server.maxConnections = callsMax + IDLE_CONNECTIONS_MAX;
    server.on('request', (request, response) => {
      this.#handle(request, response);
    });
    server.on('tlsClientError', (error: Error) => {
      this.#log.warn('tls', { reason: error.message }, 'a TLS connection was refused');
    });
    return server;
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const call = new IncomingCall(request, response);
    // A caller that disconnects is noticed through its response.
    request.on('error', () => undefined);
    if (this.#sessions !== undefined) call.proof = this.#refusalProof(request);
    const served = this.#served;
    const caller: Admitted = this.#isClosing
      ? { kind: 'refused', ...unavailable(`Broker ${this.#options.brokerId} is stopping.`) }
      : this.#admission.admit(request, served?.clusterUuid);
    if (caller.kind === 'refused') this.#refuse(call, caller);
    else if (caller.kind === 'hello') this.#welcome(call, caller);
    else if (served !== undefined) this.#receive(call, caller, served.handlers);
  }

  /** Opens a session with the caller. */
  #welcome(call: IncomingCall, { parties, secret }: Admitted & { kind: 'hello' }): void {
    const session = this.#sessions?.open(parties, secret);
    if (session === undefined) return;
    const { response, request } = call;
    request.resume();
    response.writeHead(200, {
      'content-length': 0,
      [PEER_HEADERS.session]: session.id,
      [PEER_HEADERS.proof]: this.#options.secrets.proofs([
        'welcome',
        ...partsOf(parties),
        session.id,
      ]),
    });
    response.end();
  }

  #receive(call: IncomingCall, caller: AdmittedCaller, handlers: PeerHandlers): void {
    const { request } = call;
    const method = methodOf(request);
    const handler = Object.hasOwn(handlers, method) ? handlers[method] : undefined;
    if (handler === undefined) {
      call.fail(404, { kind: 'failed', error: this.#unknownMethod(method) });
      return;
    }
    const sizeBytes = Number(request.headers['content-length'] ?? Number.NaN);
    const overload = this.#overload(sizeBytes);
    if (overload !== undefined) {
      call.fail(overload.status, { kind: 'failed', error: overload.error });
      return;
    }
    const memory = this.#begin(call, sizeBytes);
    call.readBody(sizeBytes, (body) => {
      if (!this.#isGenuine(call, caller, body)) return;
      memory.workBegan();
      void this.#answer(call, method, handler, body).finally(() => {
        memory.workEnded();
      });
    });
  }

  /**
   * Checks the seal of a call within a session, and that it was not received before. Its answer is
   * sealed from then on.
   */
  #isGenuine(call: IncomingCall, caller: AdmittedCaller, body: Buffer): boolean {
    if (caller.kind === 'channel') return true;
    const { session, counter, seal } = caller;
    const head = callHead(call.request.url ?? '', body.length);
    const isSealed = session.seal.isSealed(
      { direction: 'call', counter, head, body: [body] },
      seal,
    );
    if (!isSealed || !session.isNew(counter)) {
      // Without a proof the caller does not believe that nothing was done: it may have been.
      call.proof = NO_PROOF;
      const what = isSealed ? 'was received before' : 'is not sealed by the session';
      this.#refuse(call, unauthenticated(`The call ${what}.`));
      return false;
    }
    call.proof = (status, answer) => ({
      [PEER_HEADERS.seal]: session.seal.seal({
        direction: 'answer',
        counter,
        head: answerHead(status),
        body: answer,
      }),
    });
    return true;
  }

  /** Proves that this broker refused this call, so that the caller needs no session. */
  #refusalProof({ headers }: IncomingMessage): AnswerProof {
    const authorization = headers[PEER_HEADERS.authorization] ?? '';
    return (status, body) => ({
      [PEER_HEADERS.proof]: this.#options.secrets.proofs(
        refusalStatement(authorization, status, body),
      ),
    });
  }

  #refuse(call: IncomingCall, { status, error }: PeerRefusal): void {
    this.#callsRefused += 1;
    if (this.#isClosing) call.response.shouldKeepAlive = false;
    if (status !== UNAVAILABLE) {
      const remoteAddress = call.request.socket.remoteAddress;
      const fields = { caller: call.caller, remoteAddress, code: error.code };
      const message = `a call of another broker is refused: ${error.message}`;
      this.#log.warn(error.code, fields, message);
    }
    call.fail(status, { kind: 'refused', error });
  }

  #overload(sizeBytes: number): PeerRefusal | undefined {
    const { callsMax, messageBytesMax } = this.#options;
    if (Number.isNaN(sizeBytes)) {
      return { status: 411, error: callerBug('The call does not say how long it is.') };
    }
    if (sizeBytes > messageBytesMax) {
      const detail = `A message of ${sizeBytes} bytes exceeds the limit of ${messageBytesMax} bytes between brokers (SLUICE_CLUSTER_MESSAGE_BYTES_MAX).`;
      return { status: 413, error: new ProtocolError('REQUEST_TOO_LARGE', detail) };
    }
    if (this.#calls.size >= callsMax) {
      const detail = `Broker ${this.#options.brokerId} already has ${callsMax} calls of other brokers in flight.`;
      const options = { outcome: 'failed' } as const;
      return { status: 503, error: new ProtocolError('BROKER_NOT_AVAILABLE', detail, options) };
    }
    if (!this.#memory.hasRoomFor(sizeBytes)) {
      return { status: 503, error: this.#outOfMemory() };
    }
    return undefined;
  }

  /** @returns the memory of the call; the caller keeps it until the handler has ended as well */
  #begin(call: IncomingCall, sizeBytes: number): HeldMemory {
    const memory = new HeldMemory(this.#memory);
    memory.hold(sizeBytes);
    this.#calls.add(call);
    call.response.on('close', () => {
      this.#calls.delete(call);
      memory.close();
      if (this.#calls.size === 0) this.#onDrained?.();
    });
    return memory;
  }

  async #answer(
    call: IncomingCall,
    method: PeerMethod,
    handler: PeerHandler,
    body: Buffer,
  ): Promise<void> {
    try {
      const answer = await handler(decodePeerMessage(body), call);
      if (call.isGone) return;
      if (this.#isClosing) call.response.shouldKeepAlive = false;
      call.answer(answer);
    } catch (error) {
      this.#callsFailed += 1;
      this.#fail(call, method, error);
    }
  }

  #fail(call: IncomingCall, method: PeerMethod, error: unknown): void {
    if (error instanceof NotLeaderError) {
      call.fail(409, { kind: 'failed', error });
      return;
    }
    if (error instanceof ProtocolError) {
      call.fail(422, { kind: 'failed', error });
      return;
    }
    if (error instanceof MalformedPeerMessageError) {
      this.#refuseMalformed(call, method, error);
      return;
    }
    if (call.isGone && call.signal.reason === error) return;
    const fields = { method, caller: call.caller, err: error };
    this.#log.error(
      `bug ${kindOfError(error)}`,
      fields,
      'a call of a broker failed because of a bug',
    );
    const detail = `Broker ${this.#options.brokerId} failed because of a bug; its log has the details.`;
    call.fail(500, { kind: 'failed', error: new ProtocolError('UNKNOWN_SERVER_ERROR', detail) });
  }

  /** Answers a fault of the caller; logs one line per caller, without a stack. */
  #refuseMalformed(
    call: IncomingCall,
    method: PeerMethod,
    { message }: MalformedPeerMessageError,
  ): void {
    const { caller } = call;
    const fields = { method, caller, remoteAddress: call.request.socket.remoteAddress };
    this.#log.warn(
      `malformed ${caller}`,
      fields,
      `a call of another broker is malformed: ${message}`,
    );
    call.fail(400, { kind: 'failed', error: callerBug(`The call is malformed: ${message}.`) });
  }

  #outOfMemory(): ProtocolError {
    const { memoryBytesMax } = this.#options;
    const detail = `The messages of other brokers use all ${memoryBytesMax} bytes of their memory (SLUICE_CLUSTER_MEMORY_BYTES).`;
    return new ProtocolError('BUFFER_EXHAUSTED', detail);
  }

  #unknownMethod(method: string): ProtocolError {
    const detail = `Broker ${this.#options.brokerId} does not know the method "${method}".`;
    return new ProtocolError('BROKER_NOT_AVAILABLE', detail, { outcome: 'failed' });
  }
}

/** Returns the name in the path, even of a method that does not exist; the lookup checks it. */
function methodOf({ method, url }: IncomingMessage): PeerMethod {
  const isCall = method === 'POST' && url?.startsWith(PEER_PATH) === true;
  return (isCall ? url.slice(PEER_PATH.length) : `${method} ${url}`) as PeerMethod;
}

/** Nothing was done, and a retry would fail as well. */
function callerBug(detail: string): ProtocolError {
  return new ProtocolError('UNKNOWN_SERVER_ERROR', detail, { outcome: 'failed', retriable: false });
}
