import { type HttpCall, type HttpTransport, segment } from '../connection/http-caller.js';
import type { RecordFormat } from '../received-record.js';
import { hasCode, isRetriable } from '../sluice-error.js';
import { observed, Signal, sleep, withSignal } from '../waiting.js';
import { newMemberId } from './member-id.js';

const POLL_WAIT_MS = 15_000;
/** Kafka's default of `session.timeout.ms`, which the gateway uses, too, ms. */
const SESSION_TIMEOUT_MS = 45_000;
/** Time for the gateway to answer a join or a leave once it is closed, ms. */
const CLOSE_TIMEOUT_MS = 2000;

export interface MembershipOptions extends HttpTransport {
  readonly group: string;
  /** Body of the join but the id of the member. */
  readonly join: Readonly<Record<string, unknown>>;
  readonly format: RecordFormat | undefined;
}

/** The work that a member or a worker does in its session. */
export interface MembershipDuties<Joined> {
  joined(answer: Joined): void;
  /** Sends one poll or heartbeat, or rests until one is due. */
  turn(): Promise<void>;
  /** The gateway has dropped the session; a new one begins. */
  lost(error: unknown): void;
  /** An error that does not pass has ended the membership. */
  failed(error: unknown): void;
}

/**
 * The session of a member or worker over HTTP: it joins, takes turns until it is closed, and joins
 * again under a new id when the gateway has dropped it.
 *
 * Overlap: one join or turn at a time; calls of the owner overlap with them.
 */
export class HttpMembership<Joined> {
  readonly #options: MembershipOptions;
  readonly #duties: MembershipDuties<Joined>;
  readonly #closing = new AbortController();
  readonly #changed = new Signal();
  readonly #ended: Promise<void>;
  #memberId = newMemberId();
  #isJoined = false;

  constructor(options: MembershipOptions, duties: MembershipDuties<Joined>) {
    this.#options = options;
    this.#duties = duties;
    // The owner has its own fields by then.
    this.#ended = Promise.resolve().then(() => this.#run());
  }

  get isJoined(): boolean {
    return this.#isJoined;
  }

  /** Aborted when the membership is closed. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** Resolves at the next `wake`. */
  woken(): Promise<void> {
    return this.#changed.wait();
  }

  wake(): void {
    this.#changed.notify();
  }

  /** Waits for the next heartbeat or for `wake`; returns true when a heartbeat is due. */
  async rest(): Promise<boolean> {
    // A timer that a hidden tab delays to once a minute does not hold a poll back.
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.signal]);
    const beat = sleep(this.#beatMs, signal).then(() => true);
    const isDue = await Promise.race([observed(beat), this.woken()]);
    stop.abort();
    return isDue === true;
  }

  poll<T>(query: HttpCall['query']): Promise<T> {
    const { format, endpoints } = this.#options;
    const waitMs = Math.min(POLL_WAIT_MS, Math.ceil(this.#beatMs));
    return this.call<T>({
      method: 'GET',
      path: '/records',
      query: { ...query, waitMs, format },
      signal: this.signal,
      timeoutMs: POLL_WAIT_MS + endpoints.options.requestTimeoutMs,
    });
  }

  heartbeat<T>(body: object = {}): Promise<T> {
    const json = JSON.stringify(body);
    return this.call<T>({ method: 'POST', path: '/heartbeat', json, signal: this.signal });
  }

  /** Calls an operation of the member; the path is the part behind the id. */
  call<T>(call: HttpCall): Promise<T> {
    return this.#options.caller.json<T>({
      ...call,
      path: `${this.#path}/${segment(this.#memberId)}${call.path}`,
    });
  }

  /** Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    // A join on its way is awaited: the gateway may have done it already.
    const joining = AbortSignal.timeout(CLOSE_TIMEOUT_MS);
    await withSignal(this.#ended, joining).catch(() => undefined);
    if (!this.#isJoined) return;
    const leave = { method: 'DELETE', path: '', signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) };
    await this.call(leave).catch(() => undefined);
  }

  get #path(): string {
    return `/v1/groups/${segment(this.#options.group)}/members`;
  }

  get #beatMs(): number {
    const { sessionTimeoutMs = SESSION_TIMEOUT_MS } = this.#options.join;
    return Number(sessionTimeoutMs) / 4;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { backoff, drop } = this.#options.endpoints.backoff();
    const { signal } = this;
    while (!signal.aborted) {
      try {
        if (!this.#isJoined) await this.#join();
        await this.#duties.turn();
        backoff.reset();
      } catch (error) {
        if (signal.aborted) break;
        if (hasCode(error, 'UNKNOWN_MEMBER_ID')) this.#lost(error);
        else if (!isRetriable(error) && !hasCode(error, 'UNRELEASED_INSTANCE_ID')) {
          this.#duties.failed(error);
          break;
        }
        await backoff.wait(signal).catch(() => undefined);
      }
    }
    drop();
  }

  async #join(): Promise<void> {
    const { caller, join } = this.#options;
    const joined = await caller.json<Joined>({
      method: 'POST',
      path: this.#path,
      json: JSON.stringify({ ...join, memberId: this.#memberId }),
    });
    this.#isJoined = true;
    if (!this.signal.aborted) this.#duties.joined(joined);
  }

  #lost(error: unknown): void {
    this.#isJoined = false;
    this.#memberId = newMemberId();
    this.#duties.lost(error);
  }
}
