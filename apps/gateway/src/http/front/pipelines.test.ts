import { once } from 'node:events';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { OutboundMemory } from '#delivery';
import { SystemScheduler, silentLogger } from '#runtime';
import { PublicAddress } from '../../shared/public-address.js';
import { requestMemory } from '../../shared/request-memory.js';
import { HttpFront } from './http-front.js';
import { OperationRouter } from './operation-router.js';

/** No request reaches them, because the table of operations is empty. */
const NO_ROUTES = {
  produce: () => undefined,
  fetch: () => undefined,
  events: () => undefined,
  poll: () => undefined,
};

const IN_FLIGHT_MAX = 4;
const HEAD_TIMEOUT_MS = 200;
/** More requests than one read of 64 KiB brings. */
const SENT = 4000;
const OBSERVER = { requestEnded: () => undefined, recordsSent: () => undefined };

const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Opens a front on a port of its own whose requests all go to `next`. */
async function listening(
  next: RequestListener,
  requestMemoryBytes = 64_000_000,
): Promise<{ readonly front: HttpFront; readonly client: () => Socket }> {
  const options = {
    host: '127.0.0.1',
    corsOrigins: [],
    requestBytesMax: 1_000_000,
    bodyIdleTimeoutMs: 60_000,
    firstByteTimeoutMs: 60_000,
    headTimeoutMs: HEAD_TIMEOUT_MS,
    keepAliveTimeoutMs: 60_000,
    stopTimeoutMs: 10_000,
    connectionsMax: 100,
    pipelinedRequestsMax: IN_FLIGHT_MAX,
  };
  const outboundOptions = { outboundMemoryBytes: 64_000_000, outboundStalledMs: 60_000 };
  const front = new HttpFront(options, {
    address: new PublicAddress({ host: '127.0.0.1', port: 0, publicUrl: undefined }),
    memory: requestMemory(requestMemoryBytes),
    outbound: new OutboundMemory(outboundOptions, new SystemScheduler()),
    observer: OBSERVER,
    logger: silentLogger,
    operations: new OperationRouter([]),
    routes: NO_ROUTES,
    sockets: undefined,
  });
  const server: Server = front.createServer(next);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  ends.push(() => {
    server.close();
    server.closeAllConnections();
  });
  const client = (): Socket => {
    const socket = connect(port, '127.0.0.1').on('error', () => undefined);
    socket.setEncoding('latin1');
    ends.push(() => socket.destroy());
    return socket;
  };
  return { front, client };
}

/** Holds all answers until it is opened, then answers everything. */
class GatedAnswers {
  readonly begun: string[] = [];
  #waiting: ServerResponse[] | undefined = [];

  readonly listener: RequestListener = (request: IncomingMessage, response: ServerResponse) => {
    this.begun.push(String(request.url));
    if (this.#waiting === undefined) response.end(`${request.url};`);
    else this.#waiting.push(response);
  };

  open(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const response of waiting) response.end(`${response.req.url};`);
  }
}

function head(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`;
}

/** Collects everything that a socket receives. */
function receivedBy(socket: Socket): { text: string } {
  const received = { text: '' };
  socket.on('data', (text) => {
    received.text += String(text);
  });
  return received;
}

describe('pipelined requests above the limit', () => {
  test('they are not begun and not read, and are all answered in order', async () => {
    const answers = new GatedAnswers();
    const { front, client } = await listening(answers.listener);
    const paths = Array.from({ length: SENT }, (_, index) => `/${index}`);
    const socket = client();
    const received = receivedBy(socket);
    socket.write(paths.map(head).join(''));
    await expect.poll(() => front.context.events.totals.pipelineHeld).toBe(1);
    // A head of which a part has arrived would be late after this time.
    await new Promise((resolve) => {
      setTimeout(resolve, 3 * HEAD_TIMEOUT_MS);
    });
    expect(answers.begun).toHaveLength(IN_FLIGHT_MAX);
    const { heldBytes } = front.context.memory;
    expect(heldBytes).toBeGreaterThan(0);
    expect(heldBytes).toBeLessThan((SENT / 2) * 4096);
    answers.open();
    await expect.poll(() => answers.begun.length).toBe(SENT);
    await expect.poll(() => received.text.match(/\/\d+;/g)?.length).toBe(SENT);
    expect(received.text.match(/\/\d+(?=;)/g)).toEqual(paths);
    expect(front.context.memory.heldBytes).toBe(0);
    expect(front.context.events.totals.headLate).toBe(0);
  });

  test('they are dropped with their connection, and their memory is freed', async () => {
    const answers = new GatedAnswers();
    const { front, client } = await listening(answers.listener);
    const socket = client();
    socket.write(head('/x').repeat(100));
    await expect.poll(() => front.context.memory.heldBytes).toBeGreaterThan(0);
    socket.destroy();
    answers.open();
    await expect.poll(() => front.context.memory.heldBytes).toBe(0);
    await expect.poll(() => front.context.connections.inFlightCount).toBe(0);
    expect(answers.begun.length).toBeLessThan(2 * IN_FLIGHT_MAX);
  });

  test('they end the connection if there is no memory for them', async () => {
    const answers = new GatedAnswers();
    const { front, client } = await listening(answers.listener, 50_000);
    const socket = client();
    receivedBy(socket);
    socket.write(head('/x').repeat(100));
    await once(socket, 'close');
    expect(front.context.events.totals.pipelineCut).toBe(1);
    expect(front.context.memory.heldBytes).toBe(0);
    expect(answers.begun).toHaveLength(IN_FLIGHT_MAX);
  });

  test('an unfinished head among them keeps its timeout', async () => {
    const answers = new GatedAnswers();
    const { front, client } = await listening(answers.listener);
    const socket = client();
    const received = receivedBy(socket);
    socket.write(`${head('/x').repeat(10)}GET /late HTTP/1.1\r\nX-`);
    await expect.poll(() => front.context.events.totals.pipelineHeld).toBe(1);
    await new Promise((resolve) => {
      setTimeout(resolve, 3 * HEAD_TIMEOUT_MS);
    });
    answers.open();
    await once(socket, 'close');
    expect(received.text.match(/\/x;/g)).toHaveLength(10);
    expect(front.context.events.totals.headLate).toBe(1);
  });
});
