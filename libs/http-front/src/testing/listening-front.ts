import { once } from 'node:events';
import type { RequestListener, Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { OutboundMemory } from '#delivery';
import { SystemClock, SystemScheduler, silentLogger } from '#runtime';
import { ClientErrors } from '../answer/client-errors.js';
import type { TlsMaterial } from '../connection/tls-options.js';
import type { HttpFrontOptions } from '../front-context.js';
import { FrontListener } from '../front-listener.js';
import { HttpFront } from '../http-front.js';
import { OperationRouter } from '../operation-router.js';
import { PublicAddress } from '../public-address.js';
import { requestMemory } from '../request-memory.js';

const OPTIONS: HttpFrontOptions = {
  requestBytesMax: 1_000_000,
  bodyIdleTimeoutMs: 60_000,
  firstByteTimeoutMs: 60_000,
  headTimeoutMs: 60_000,
  keepAliveTimeoutMs: 60_000,
  stopTimeoutMs: 10_000,
  connectionsMax: 100,
  unidentifiedConnectionsPercent: 100,
  pipelinedRequestsMax: 64,
  tlsClientAuth: 'none',
  tlsHandshakeTimeoutMs: 60_000,
};

/** No request reaches them, because the table of operations is empty. */
const NO_ROUTES = {
  produce: () => undefined,
  fetch: () => undefined,
  events: () => undefined,
  poll: () => undefined,
};

const OBSERVER = { requestEnded: () => undefined, recordsSent: () => undefined };

/** Differences from an ordinary front. */
export interface ListeningFrontOptions {
  readonly settings?: Partial<HttpFrontOptions>;
  readonly requestMemoryBytes?: number;
  readonly tls?: TlsMaterial;
}

/** A front on a port of its own. */
export interface ListeningFront {
  readonly front: HttpFront;
  readonly port: number;
  /** Opens a plain connection whose text is latin1. */
  readonly client: () => Socket;
}

/** Opens a front whose requests all go to `next`; it is closed when the test ends. */
export async function listeningFront(
  next: RequestListener,
  { settings, requestMemoryBytes = 64_000_000, tls }: ListeningFrontOptions = {},
): Promise<ListeningFront> {
  const outboundOptions = { outboundMemoryBytes: 64_000_000, outboundStalledMs: 60_000 };
  const listener = new FrontListener({
    address: new PublicAddress({ host: '127.0.0.1', port: 0, publicUrl: undefined }),
    operations: new OperationRouter([]),
    host: '127.0.0.1',
    corsOrigins: [],
    allowedHosts: undefined,
    needsBearer: false,
    connectionsReserved: 0,
  });
  const front = new HttpFront(
    { ...OPTIONS, ...settings },
    {
      listener,
      memory: requestMemory(requestMemoryBytes),
      outbound: new OutboundMemory(outboundOptions, new SystemScheduler()),
      observer: OBSERVER,
      clock: new SystemClock(),
      scheduler: new SystemScheduler(),
      logger: silentLogger,
      errors: new ClientErrors(silentLogger),
      routes: NO_ROUTES,
      sockets: undefined,
      tls,
    },
  );
  const server: Server = front.createServer(next);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const client = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.setEncoding('latin1');
    onTestFinished(() => {
      socket.destroy();
    });
    return socket;
  };
  return { front, port, client };
}
