import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { type ListeningFront, listeningFront } from '../testing/listening-front.js';

const IN_FLIGHT_MAX = 4;
const HEAD_TIMEOUT_MS = 200;
/** More requests than one read of 64 KiB brings. */
const SENT = 4000;
/** Opens a front on a port of its own whose requests all go to `next`. */
function listening(
  next: RequestListener,
  requestMemoryBytes = 64_000_000,
): Promise<ListeningFront> {
  const settings = { headTimeoutMs: HEAD_TIMEOUT_MS, pipelinedRequestsMax: IN_FLIGHT_MAX };
  return listeningFront(next, { settings, requestMemoryBytes });
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

/** Sends a part of a head. Resolves when the front has closed the connection because it is late. */
async function headIsLate(socket: Socket): Promise<void> {
  receivedBy(socket);
  socket.write('GET /late HTTP/1.1\r\nX-');
  await once(socket, 'close');
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
    // The head of a later connection is late, and none of these.
    await headIsLate(client());
    expect(answers.begun).toHaveLength(IN_FLIGHT_MAX);
    const { heldBytes } = front.context.memory;
    expect(heldBytes).toBeGreaterThan(0);
    expect(heldBytes).toBeLessThan((SENT / 2) * 4096);
    answers.open();
    await expect.poll(() => answers.begun.length).toBe(SENT);
    await expect.poll(() => received.text.match(/\/\d+;/g)?.length).toBe(SENT);
    expect(received.text.match(/\/\d+(?=;)/g)).toEqual(paths);
    expect(front.context.memory.heldBytes).toBe(0);
    expect(front.context.events.totals.headLate).toBe(1);
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
    await headIsLate(client());
    answers.open();
    await once(socket, 'close');
    expect(received.text.match(/\/x;/g)).toHaveLength(10);
    expect(front.context.events.totals.headLate).toBe(2);
  });
});
