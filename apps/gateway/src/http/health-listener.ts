import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Health } from '#observability';
import { NO_ACCESS } from '#security';

/** Connections at the same time: balancers keep few. */
const CONNECTIONS_MAX = 64;
/** Time for the head of a request; health checks send it at once. */
const HEAD_TIMEOUT_MS = 5000;
const HEAD_BYTES_MAX = 4096;

/**
 * A plain HTTP listener that serves `/health/live` and `/health/ready` and nothing else: balancers
 * often cannot present a certificate. The report of its readiness is the status alone, because the
 * details belong to callers with a credential.
 *
 * Overlap: requests overlap freely. `listen` is called once, then `close` once.
 */
export class HealthListener {
  readonly #server: Server;
  readonly #health: Health;

  constructor(health: Health) {
    this.#health = health;
    this.#server = createServer({
      headersTimeout: HEAD_TIMEOUT_MS,
      requestTimeout: HEAD_TIMEOUT_MS,
      keepAliveTimeout: HEAD_TIMEOUT_MS,
      connectionsCheckingInterval: HEAD_TIMEOUT_MS / 4,
      maxHeaderSize: HEAD_BYTES_MAX,
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('request', ({ method, url }, response) => {
      // No body is read: the connection ends if there is one.
      if (method !== 'GET' && method !== 'HEAD') answer(response, 405, { allow: 'GET, HEAD' });
      else if (url === '/health/live') answer(response, 200, {}, 'ok');
      else if (url === '/health/ready') void this.#answerReadiness(response);
      else answer(response, 404, {});
    });
  }

  /** Rejects with the error of the system if the address is not available. */
  listen(host: string, port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
      this.#server.closeAllConnections();
    });
  }

  async #answerReadiness(response: ServerResponse): Promise<void> {
    const { status } = await this.#health.readiness(NO_ACCESS);
    answer(response, status === 'stopping' ? 503 : 200, {}, status);
  }
}

function answer(
  response: ServerResponse,
  statusCode: number,
  headers: Readonly<Record<string, string>>,
  status?: string,
): void {
  const body = status === undefined ? '' : `${JSON.stringify({ status })}\n`;
  response.writeHead(statusCode, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(statusCode < 400 || statusCode === 503 ? undefined : { connection: 'close' }),
    ...headers,
  });
  response.end(body);
}
