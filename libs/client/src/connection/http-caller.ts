import { hasCode, networkError, problemError, SluiceError } from '../sluice-error.js';
import { childOf, withSignal } from '../waiting.js';
import type { Endpoints } from './endpoints.js';
import { connectionError } from './failed-connection.js';
import { tokenOf } from './token.js';

/** A value of a query, which is written as text. */
export type QueryValue = string | number | boolean;

export type Query = Readonly<Record<string, QueryValue | undefined>>;

/** One HTTP request. */
export interface HttpCall {
  readonly method: string;
  /** Path with its parameters encoded, from `/v1` on. */
  readonly path: string;
  /** Values of the query; those that are undefined are omitted. */
  readonly query?: Query | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Body of JSON, as text. */
  readonly json?: string | undefined;
  /** Body of another type. */
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Time for the answer, ms; default: `requestTimeoutMs`; 0: unlimited. */
  readonly timeoutMs?: number | undefined;
}

/** The parts of a client that a transport over HTTP uses. */
export interface HttpTransport {
  readonly caller: HttpCaller;
  readonly endpoints: Endpoints;
}

/** Returns the parts of a client for a transport over HTTP. */
export function httpTransport(endpoints: Endpoints): HttpTransport {
  return { endpoints, caller: new HttpCaller(endpoints) };
}

/**
 * Calls the operations of the gateway by `fetch`.
 *
 * Overlap: all calls may overlap.
 */
export class HttpCaller {
  readonly #endpoints: Endpoints;

  constructor(endpoints: Endpoints) {
    this.#endpoints = endpoints;
  }

  /**
   * Returns the parsed JSON of the answer, undefined if it has no body.
   * @throws SluiceError the problem of the answer, or NETWORK_EXCEPTION
   */
  json<T>(call: HttpCall): Promise<T> {
    return this.#call(call, async (response) => {
      const text = await response.text();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    });
  }

  /**
   * Returns an answer of success, whose body the caller reads. The time-out ends with its head.
   * @throws SluiceError the problem of the answer, or NETWORK_EXCEPTION
   */
  response(call: HttpCall): Promise<Response> {
    return this.#call(call, (response) => Promise.resolve(response));
  }

  /** Asks the other brokers, too, where the first one cannot have done what it was asked for. */
  async #call<T>(call: HttpCall, read: (response: Response) => Promise<T>): Promise<T> {
    for (let left = this.#endpoints.options.urls.length - 1; ; left -= 1) {
      try {
        return await this.#callOne(call, read);
      } catch (error) {
        const isUnsent = hasCode(error, 'NETWORK_EXCEPTION') && error.outcome === 'failed';
        if (left === 0 || !isUnsent) throw error;
      }
    }
  }

  async #callOne<T>(call: HttpCall, read: (response: Response) => Promise<T>): Promise<T> {
    const { options, calls } = this.#endpoints;
    const { timeoutMs = options.requestTimeoutMs } = call;
    call.signal?.throwIfAborted();
    this.#endpoints.assertOpen();
    const { controller, release } = childOf(call.signal);
    calls.add(controller);
    const timer =
      timeoutMs === 0
        ? undefined
        : setTimeout(() => controller.abort(timedOut(call, timeoutMs)), timeoutMs);
    const { url } = this.#endpoints;
    try {
      const headers = await withSignal(this.#headers(call), controller.signal);
      const response = await options.fetch(url + target(call), {
        method: call.method,
        headers,
        ...bodyOf(call),
        signal: controller.signal,
      });
      if (!response.ok) throw await problemOf(response);
      const value = await read(response);
      this.#endpoints.succeeded(url);
      return value;
    } catch (error) {
      if (error instanceof SluiceError) {
        // A broker that does not answer in time is left for another one.
        if (hasCode(error, 'NETWORK_EXCEPTION')) this.#endpoints.failed(url, error);
        throw error;
      }
      if (controller.signal.aborted) throw controller.signal.reason;
      this.#endpoints.failed(url, error);
      const detail = `${call.method} ${url}${call.path} got no answer`;
      throw connectionError(detail, (error as Error).cause, outcomeOf(call), error);
    } finally {
      clearTimeout(timer);
      calls.delete(controller);
      if (!isStream(call)) release();
    }
  }

  async #headers({ headers, json }: HttpCall): Promise<Record<string, string>> {
    const token = await tokenOf(this.#endpoints.options.auth);
    return {
      ...(json === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      ...headers,
    };
  }
}

/** Encodes a segment of a path. */
export function segment(text: string | number): string {
  return encodeURIComponent(text);
}

function target({ path, query = {} }: HttpCall): string {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) values.set(name, String(value));
  }
  return values.size === 0 ? path : `${path}?${values.toString()}`;
}

type Body = NonNullable<RequestInit['body']>;

function bodyOf({ json, body }: HttpCall): { body?: Body; duplex?: 'half' } {
  if (json !== undefined) return { body: json };
  if (body === undefined) return {};
  return { body: body as Body, duplex: 'half' };
}

/** True if the body of the answer is read after the call; its signal stays in effect. */
function isStream({ timeoutMs }: HttpCall): boolean {
  return timeoutMs === 0;
}

function outcomeOf({ method }: HttpCall): 'failed' | 'unknown' {
  return method === 'GET' ? 'failed' : 'unknown';
}

function timedOut(call: HttpCall, timeoutMs: number): SluiceError {
  const detail = `${call.method} ${call.path} got no answer within ${timeoutMs} ms`;
  return networkError(detail, outcomeOf(call));
}

async function problemOf(response: Response): Promise<SluiceError> {
  const text = await response.text();
  try {
    const after = Number(response.headers.get('Retry-After') ?? Number.NaN) * 1000;
    const problem = JSON.parse(text) as Record<string, unknown>;
    return problemError(problem, response.status, Number.isNaN(after) ? undefined : after);
  } catch {
    // A proxy answers without a problem document.
    const retriable = response.status === 429 || response.status >= 502;
    const outcome = retriable ? 'unknown' : 'failed';
    // Only pages follow redirects.
    const target = response.headers.get('Location');
    const detail = target === null ? text.slice(0, 200) : `redirected to ${target}`;
    return problemError(
      { code: 'UNKNOWN_SERVER_ERROR', detail, retriable, outcome },
      response.status,
    );
  }
}
