import { onTestFinished } from 'vitest';
import type { PeerHandlers, PeerMessage } from '#replication';
import { type Logger, type Scheduler, SystemScheduler, silentLogger } from '#runtime';
import { PeerSecrets } from '../authentication/peer-secrets.js';
import { HttpPeers, type HttpPeersOptions } from '../http-peers.js';
import { PeerListener, type PeerListenerOptions } from '../peer-listener.js';

export const CALLER_ID = 1;
export const CALLEE_ID = 2;
export const CLUSTER_UUID = '6a1c3f5e-8f0b-4d0e-9d0c-0a7f3d1e2b4c';
export const CLUSTER_SECRET = 'a secret of test brokers';
const MIB = 1024 * 1024;

/** Options of broker 2's listener. */
export const LISTENER: PeerListenerOptions = {
  brokerId: CALLEE_ID,
  secrets: new PeerSecrets([CLUSTER_SECRET]),
  host: '127.0.0.1',
  port: 0,
  tls: undefined,
  isChannelSecure: false,
  messageBytesMax: 64 * MIB,
  memoryBytesMax: 128 * MIB,
  callsMax: 1000,
  arrivalTimeoutMs: 10_000,
};

const PEERS: HttpPeersOptions = {
  brokerId: CALLER_ID,
  secrets: new PeerSecrets([CLUSTER_SECRET]),
  clusterUuid: CLUSTER_UUID,
  tls: undefined,
  isChannelSecure: false,
  connectTimeoutMs: 5000,
  messageBytesMax: 64 * MIB,
};

/** Opens a listener that serves; it is closed when the test ends. */
export async function openListener(
  handlers: PeerHandlers,
  options: Partial<PeerListenerOptions> = {},
  logger: Logger = silentLogger,
): Promise<PeerListener> {
  const ports = { logger, scheduler: new SystemScheduler() };
  const isChannelSecure = options.tls !== undefined;
  const listener = new PeerListener({ ...LISTENER, isChannelSecure, ...options }, ports);
  await listener.listen();
  listener.serve(CLUSTER_UUID, handlers);
  onTestFinished(() => listener.close(0));
  return listener;
}

/** Opens a listener for raw calls, which seal nothing: it believes that its channel is secure. */
export function openRawListener(
  handlers: PeerHandlers,
  options: Partial<PeerListenerOptions> = {},
  logger: Logger = silentLogger,
): Promise<PeerListener> {
  return openListener(handlers, { isChannelSecure: true, ...options }, logger);
}

/**
 * Opens the calls of broker 1, closed when the test ends. Every called broker is found at
 * `address`.
 */
export function openPeers(
  address: string | undefined | (() => string),
  options: Partial<HttpPeersOptions> = {},
  logger: Logger = silentLogger,
  scheduler: Scheduler = new SystemScheduler(),
): HttpPeers {
  const addressOf = typeof address === 'function' ? address : (): string | undefined => address;
  const ports = { logger, scheduler };
  const isChannelSecure = options.tls !== undefined;
  const peers = new HttpPeers({ ...PEERS, isChannelSecure, ...options }, addressOf, ports);
  onTestFinished(() => peers.close());
  return peers;
}

export function urlOf(listener: PeerListener): string {
  return `http://127.0.0.1:${listener.port}`;
}

/** Opens broker 1 with the address of broker 2. */
export async function openPair(
  handlers: PeerHandlers,
  options: Partial<PeerListenerOptions> = {},
): Promise<{ readonly listener: PeerListener; readonly peers: HttpPeers }> {
  const listener = await openListener(handlers, options);
  const { isChannelSecure = false } = options;
  return { listener, peers: openPeers(urlOf(listener), { isChannelSecure }) };
}

export function message(body: unknown, blobs: readonly Buffer[] = []): PeerMessage {
  return { body, blobs };
}

/** An event that happens once and can be awaited. */
export class Happening<T = void> {
  readonly happened: Promise<T>;
  readonly happen: (value: T) => void;

  constructor() {
    let resolveHappened: (value: T) => void = () => undefined;
    this.happened = new Promise((resolve) => {
      resolveHappened = resolve;
    });
    this.happen = resolveHappened;
  }
}
