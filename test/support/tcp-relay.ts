/**
 * A TCP relay between two processes that breaks their network: it cuts it silently, like a firewall
 * that drops packets, in one direction or both, for all callers or one; it delays it; it resets it.
 *
 * Bytes held by a silent cut arrive when it is healed, as with TCP.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

type Direction = 'to-target' | 'from-target';

export interface Cut {
  /** Direction to cut; default: both. */
  readonly direction?: Direction;
  /** Cuts only connections of this broker, which names itself in its first request. */
  readonly caller?: number;
}

/** Bytes that a direction holds before it stops reading from its source. */
const HELD_BYTES_MAX = 1024 * 1024;
const CALLER_HEADER = /\r\nsluice-caller: (\d+)\r\n/i;
const HEAD_BYTES_MAX = 16 * 1024;

export class TcpRelay {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  #cuts: readonly Cut[] = [];
  #delayMs = 0;
  #isRefusing = false;
  readonly #targetPort: number;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;

    this.#server = createServer((client) => {
      this.#accept(client);
    });
  }

  /** @param targetPort port on 127.0.0.1; a listener may start there later */
  static async start(targetPort: number): Promise<TcpRelay> {
    const relay = new TcpRelay(targetPort);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes that are held now. */
  get heldBytes(): number {
    return [...this.#links].reduce((sum, link) => sum + link.heldBytes, 0);
  }

  /** Stops all bytes without an error on either side; adds to other cuts. */
  cut(cut: Cut = {}): void {
    this.#cuts = [...this.#cuts, cut];
    for (const link of this.#links) link.changed(this.#cuts);
  }

  /** Delays all later bytes by this time. */
  delay(delayMs: number): void {
    this.#delayMs = delayMs;
    for (const link of this.#links) link.delayMs = delayMs;
  }

  /** Resets all connections and refuses new ones, like a dead process. */
  refuse(): void {
    this.#isRefusing = true;
    for (const link of this.#links) link.reset();
  }

  /** Heals everything: held bytes continue. */
  heal(): void {
    this.#isRefusing = false;
    this.#cuts = [];
    this.delay(0);
    for (const link of this.#links) link.changed(this.#cuts);
  }

  async close(): Promise<void> {
    this.refuse();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    client.on('error', () => undefined);
    if (this.#isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const link = new Link(client, connect(this.#targetPort, '127.0.0.1'), this.#cuts);
    link.delayMs = this.#delayMs;
    this.#links.add(link);
    client.on('close', () => this.#links.delete(link));
  }
}

/** One connection through the relay. */
class Link {
  delayMs = 0;
  /** Broker id of the caller; undefined until its first request has named it. */
  #caller: number | undefined;
  #isCallerKnown = false;
  #head = '';
  readonly #toTarget: Flow;
  readonly #fromTarget: Flow;
  readonly #client: Socket;
  readonly #target: Socket;
  #cuts: readonly Cut[];

  constructor(client: Socket, target: Socket, cuts: readonly Cut[]) {
    this.#client = client;
    this.#target = target;
    this.#cuts = cuts;

    this.#toTarget = new Flow(client, target, () => this.delayMs);
    this.#fromTarget = new Flow(target, client, () => this.delayMs);
    client.on('data', (chunk: Buffer) => {
      this.#learnCaller(chunk);
      this.#toTarget.push(chunk);
    });
    target.on('data', (chunk: Buffer) => {
      this.#fromTarget.push(chunk);
    });
    this.changed(cuts);
  }

  get heldBytes(): number {
    return this.#toTarget.heldBytes + this.#fromTarget.heldBytes;
  }

  changed(cuts: readonly Cut[]): void {
    this.#cuts = cuts;
    this.#toTarget.hold(this.#isCut('to-target'));
    this.#fromTarget.hold(this.#isCut('from-target'));
  }

  reset(): void {
    this.#client.resetAndDestroy();
    this.#target.resetAndDestroy();
  }

  #isCut(direction: Direction): boolean {
    return this.#cuts.some((cut) => {
      if (cut.direction !== undefined && cut.direction !== direction) return false;
      // A connection whose caller is unknown may be the one to cut: it waits.
      return cut.caller === undefined || !this.#isCallerKnown || cut.caller === this.#caller;
    });
  }

  #learnCaller(chunk: Buffer): void {
    if (this.#isCallerKnown) return;
    this.#head += chunk.toString('latin1');
    const caller = CALLER_HEADER.exec(this.#head)?.[1];
    if (caller === undefined && this.#head.length < HEAD_BYTES_MAX) return;
    this.#isCallerKnown = true;
    this.#caller = caller === undefined ? undefined : Number(caller);
    this.#head = '';
    this.changed(this.#cuts);
  }
}

/** One direction of a connection. */
class Flow {
  #queue: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #isHeld = false;
  #hasEnded = false;
  #timer: NodeJS.Timeout | undefined;
  readonly #source: Socket;
  readonly #sink: Socket;
  readonly #delayMs: () => number;

  constructor(source: Socket, sink: Socket, delayMs: () => number) {
    this.#source = source;
    this.#sink = sink;
    this.#delayMs = delayMs;

    source.on('error', () => undefined);
    source.on('close', () => {
      this.#hasEnded = true;
      this.#pump();
    });
    sink.on('drain', () => source.resume());
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  push(chunk: Buffer): void {
    this.#queue.push({ chunk, dueMs: performance.now() + this.#delayMs() });
    this.#heldBytes += chunk.length;
    if (this.#heldBytes > HELD_BYTES_MAX) this.#source.pause();
    this.#pump();
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld;
    this.#pump();
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#isHeld) {
      const [first] = this.#queue;
      if (first === undefined) {
        // The end is held too: a silent cut shows nothing.
        if (this.#hasEnded) this.#sink.destroy();
        return;
      }
      const waitMs = first.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#pump();
        }, waitMs);
        return;
      }
      this.#queue.shift();
      this.#heldBytes -= first.chunk.length;
      if (!this.#sink.write(first.chunk)) this.#source.pause();
      else if (this.#heldBytes <= HELD_BYTES_MAX) this.#source.resume();
    }
  }
}
