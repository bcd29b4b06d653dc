import type { OutboxThrottle } from '#delivery';
import { ProtocolError } from '#protocol';
import { assertOwnProducer } from '#record-routes';
import type { Scheduler, SharedAccount, Timer } from '#runtime';
import {
  type Access,
  type EdgeSecurity,
  type Invalidity,
  invalidError,
  notAccepted,
  OPEN_ACCESS,
  PrincipalMemory,
  parseBearer,
  type RateQuota,
  topicNamed,
  UNIDENTIFIED,
} from '#security';
import { CLOSE_CODES } from '#web-socket';
import type { Publication } from './publishing.js';

/** Largest message of a caller that is not known yet, in bytes. */
const UNKNOWN_CALLER_BYTES_MAX = 16 * 1024;

/** Codes that close the connection of a credential that is no longer valid. */
const CLOSE_CODE_OF: Readonly<Record<Invalidity, number>> = {
  expired: CLOSE_CODES.unauthenticated,
  revoked: CLOSE_CODES.revoked,
  unconfirmed: CLOSE_CODES.tryAgainLater,
};

/** The parts that identify the callers of connections. */
export interface CallerContext {
  /** Memory of received and unanswered messages; shared with request bodies. */
  readonly memory: SharedAccount;
  /** Undefined while authentication is off. */
  readonly security: EdgeSecurity | undefined;
  readonly scheduler: Scheduler;
  /** Time for the message `authenticate` on a connection without a credential. */
  readonly socketAuthTimeoutMs: number;
}

/** The request for a WebSocket, as far as it tells who sent it. */
export interface SocketOrigin {
  /** Permissions of the caller; undefined if the request had no credential. */
  readonly access: Access | undefined;
  /** Address of the client; empty while authentication is off. */
  readonly address: string;
  /** Counts the connection for a principal that becomes known later. */
  readonly belongTo: (principal: string) => void;
}

/** Calls to a connection about its caller. */
interface CallerEvents {
  /** No credential came in time. */
  readonly onTimeout: () => void;
  /** The quotas allow further messages. */
  readonly onResume: () => void;
}

/** The caller as the answer to `authenticate` shows it. */
export interface AuthenticatedCaller {
  readonly principal: string;
  /** Time at which the credential expires, in ms since the epoch; null if it does not. */
  readonly expiresAt: number | null;
}

/**
 * The caller of one connection: known from the request, or from the message `authenticate`, which
 * may come again with a newer credential of the same principal.
 *
 * Overlap: `authenticate` is called once at a time, because messages are handled in their order.
 */
export class SocketCaller {
  /** Memory of the messages of this connection, in the share of its principal. */
  readonly memory: SharedAccount;
  readonly #context: CallerContext;
  readonly #onTimeout: () => void;
  #access: Access | undefined;
  #timer: Timer | undefined;
  readonly #origin: SocketOrigin;
  readonly #onResume: () => void;
  /** True while the caller has used up a quota: no further message begins. */
  #isPaused = false;
  #isClosed = false;
  /** Ends the count of this connection for the principal of `authenticate`. */
  #endOfPrincipal: (() => void) | undefined;

  constructor(context: CallerContext, origin: SocketOrigin, { onTimeout, onResume }: CallerEvents) {
    this.#context = context;
    const { access } = origin;
    this.#origin = origin;
    this.#access = access;
    this.memory = memoryOf(context, access);
    this.#onTimeout = onTimeout;
    this.#onResume = onResume;
    if (access !== undefined) return;
    this.#timer = context.scheduler.after(context.socketAuthTimeoutMs, this.#onTimeout);
  }

  /** True while the caller has used up a quota; `onResume` is called at the end. */
  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** Charges what a message uses. A caller above its quota is not refused, but paused. */
  charge(quota: RateQuota, cost: number): void {
    const pauseMs = this.chargeSent(quota, cost);
    if (pauseMs <= 0 || this.#isPaused) return;
    this.#isPaused = true;
    this.#context.scheduler.after(pauseMs, () => {
      this.#isPaused = false;
      if (!this.#isClosed) this.#onResume();
    });
  }

  /**
   * Charges bytes that the connection was sent.
   * @returns the time for which it should be sent no more, ms
   */
  chargeSent(quota: RateQuota, cost: number): number {
    const principal = this.#access?.caller.principal;
    if (principal === undefined) return 0;
    return this.#context.security?.quotas.charge(principal, quota, cost) ?? 0;
  }

  get isKnown(): boolean {
    return this.#access !== undefined;
  }

  /**
   * The permissions of the caller.
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED while the caller is not known
   */
  get access(): Access {
    if (this.#access !== undefined) return this.#access;
    throw callerUnknown();
  }

  /** The permissions of the caller; undefined while the caller is not known. */
  get known(): Access | undefined {
    return this.#access;
  }

  /** The close frame for a credential that is no longer valid; undefined while it is. */
  get closing(): { readonly code: number; readonly reason: string } | undefined {
    const invalidity = this.#access?.invalidity();
    if (invalidity === undefined) return undefined;
    return { code: CLOSE_CODE_OF[invalidity], reason: `the credential is ${invalidity}` };
  }

  /** True if a message of this size may come now: before `authenticate` it must be small. */
  mayReceive(sizeBytes: number): boolean {
    return this.isKnown || sizeBytes <= UNKNOWN_CALLER_BYTES_MAX;
  }

  /**
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED, TOPIC_AUTHORIZATION_FAILED,
   *   CLUSTER_AUTHORIZATION_FAILED for the producer id of another caller
   */
  assertMayPublish({ topic, producer, producerToken: token }: Publication): void {
    const { access } = this;
    if (!access.caller.isSuperUser) access.assertMay('Write', topicNamed(topic));
    const tokens = this.#context.security?.producerTokens;
    if (producer !== undefined) assertOwnProducer(tokens, { producer, access, token });
  }

  /**
   * Checks that the caller is known, and that its credential is still valid: messages may have
   * waited for others.
   * @throws ProtocolError SASL_AUTHENTICATION_FAILED, or BROKER_NOT_AVAILABLE while this broker
   *   cannot know it
   */
  assertValid(): void {
    const invalidity = this.access.invalidity();
    if (invalidity !== undefined) throw invalidError(invalidity);
  }

  /** @throws ProtocolError SASL_AUTHENTICATION_FAILED */
  async authenticate(token: string): Promise<AuthenticatedCaller> {
    const access = await this.#accessOf(token);
    const { principal, expiresAtMs } = access.caller;
    const before = this.#access?.caller;
    const isSame = before?.principal === principal || before?.credential.kind === 'none';
    if (before !== undefined && !isSame) throw notAccepted();
    if (before === undefined) {
      this.#endOfPrincipal = this.#context.security?.quotas.openConnection(principal);
    }
    this.#access = access;
    this.#origin.belongTo(principal);
    if (this.memory instanceof PrincipalMemory) this.memory.belongTo(principal);
    this.#endWait();
    return { principal, expiresAt: expiresAtMs };
  }

  async #accessOf(token: string): Promise<Access> {
    const { security } = this.#context;
    if (security === undefined) return OPEN_ACCESS;
    try {
      return await security.authenticator.authenticate(parseBearer(token));
    } catch (error) {
      const delayMs = security.logins.refusalDelayMs(this.#origin.address, error, true);
      if (delayMs > 0) await this.#wait(delayMs);
      throw error;
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#context.scheduler.after(delayMs, resolve);
    });
  }

  /** Reports a message that was refused for lack of a credential or permission. */
  auditRefusal(error: unknown, about: object): void {
    const { security } = this.#context;
    if (security === undefined || !isRefusal(error)) return;
    const resources = Object.entries(about)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name}:${String(value)}`);
    const caller = this.#access?.caller;
    const use = { caller, address: this.#origin.address, operation: 'WebSocket', resources };
    security.audit.add(use, 'refused', error.code);
  }

  /** Called once, at the end of the connection. */
  close(): void {
    this.#isClosed = true;
    this.#endOfPrincipal?.();
    this.#endWait();
  }

  #endWait(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}

function memoryOf({ memory, security }: CallerContext, access: Access | undefined): SharedAccount {
  if (security === undefined) return memory;
  const principal = access?.caller.principal ?? UNIDENTIFIED;
  return new PrincipalMemory(memory, security.shares, principal);
}

function callerUnknown(): ProtocolError {
  return new ProtocolError(
    'SASL_AUTHENTICATION_FAILED',
    'The first message must be "authenticate", with an API key or a token.',
  );
}

/** True for the errors of a missing credential or permission. */
function isRefusal(error: unknown): error is ProtocolError {
  if (!(error instanceof ProtocolError)) return false;
  return (
    error.code === 'SASL_AUTHENTICATION_FAILED' || error.code.endsWith('_AUTHORIZATION_FAILED')
  );
}

/** Returns what limits the records that a connection is sent; undefined without authentication. */
export function throttleOf(
  { security, scheduler }: CallerContext,
  callerOf: () => SocketCaller,
): OutboxThrottle | undefined {
  if (security === undefined) return undefined;
  const { quotas } = security;
  const charge = (bytes: number) => callerOf().chargeSent('consumer_byte_rate', bytes);
  return { scheduler, quotas, charge };
}
