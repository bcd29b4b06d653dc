/**
 * Calls of other brokers over HTTP: implements `Peers` with the private listeners of the cluster.
 *
 * Connections are opened on demand and kept. Calls are never retried here: only the caller knows
 * whether a call may be repeated, and `PeerUnreachableError.wasSent` helps it to decide.
 *
 * Overlap: calls overlap freely; `close` ends them.
 */
import { Readable } from 'node:stream';
import { ProtocolError } from '#protocol';
import {
  type PeerCallOptions,
  type PeerMessage,
  type PeerMethod,
  type Peers,
  PeerUnreachableError,
} from '#replication';
import { type Scheduler, SparseLog } from '#runtime';
import { OutgoingCall } from './outgoing-call.js';
import type { PeerConnectionsOptions } from './peer-connections.js';
import { PeerLink } from './peer-link.js';
import { type EncodedPeerMessage, encodePeerMessage } from './peer-message-codec.js';
import {
  formatProtocolRange,
  PEER_CONTENT_TYPE,
  PEER_HEADERS,
  PEER_PROTOCOL,
  type PeerIdentity,
} from './peer-protocol.js';
import type { PeerRpcPorts } from './peer-rpc-ports.js';
import type { PeerTls } from './peer-tls.js';

export interface HttpPeersOptions extends PeerIdentity, PeerConnectionsOptions {
  readonly clusterUuid: string;
  /** True if TLS proves both ends of each connection: calls need no session then. */
  readonly isChannelSecure: boolean;
  /** Largest message in bytes, in both directions. */
  readonly messageBytesMax: number;
}

/** Values for metrics. */
export interface HttpPeersStatus {
  readonly callsInFlight: number;
  /** Calls since the start; it includes calls that the other broker answered with an error. */
  readonly callsAnswered: number;
  readonly callsUnreachable: number;
}

export class HttpPeers implements Peers {
  #options: HttpPeersOptions;
  readonly #addressOf: (brokerId: number) => string | undefined;
  readonly #log: SparseLog;
  readonly #scheduler: Scheduler;
  readonly #headers: readonly string[];
  readonly #links = new Map<number, PeerLink>();
  #callsInFlight = 0;
  #callsAnswered = 0;
  #callsUnreachable = 0;
  #isClosed = false;

  /** @param addressOf returns the cluster URL that a broker registered; asked for every call */
  constructor(
    options: HttpPeersOptions,
    addressOf: (brokerId: number) => string | undefined,
    { logger, scheduler }: PeerRpcPorts,
  ) {
    this.#options = options;
    this.#addressOf = addressOf;
    this.#log = new SparseLog(logger);
    this.#scheduler = scheduler;
    this.#headers = Object.entries({
      [PEER_HEADERS.cluster]: options.clusterUuid,
      [PEER_HEADERS.protocol]: formatProtocolRange(PEER_PROTOCOL),
      [PEER_HEADERS.caller]: String(options.brokerId),
      'content-type': PEER_CONTENT_TYPE,
    }).flat();
  }

  call(
    brokerId: number,
    method: PeerMethod,
    message: PeerMessage,
    { timeoutMs, signal }: PeerCallOptions,
  ): Promise<PeerMessage> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        throw this.#notSent(brokerId, signal.reason);
      }
      const link = this.#linkTo(brokerId);
      const encoded = encodePeerMessage(message);
      if (encoded.sizeBytes > this.#options.messageBytesMax) throw this.#tooLarge(encoded);

      const finish = (): void => {
        this.#callsInFlight -= 1;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const call = new OutgoingCall(brokerId, this.#options.messageBytesMax, {
        onAnswer: (answer) => {
          finish();
          this.#callsAnswered += 1;
          resolve(answer);
        },
        onFailure: (error, needsOperator) => {
          finish();
          if (error instanceof PeerUnreachableError) this.#callsUnreachable += 1;
          else this.#callsAnswered += 1;
          if (needsOperator) this.#logRefusal(brokerId, error);
          reject(error);
        },
      });
      const onAbort = (): void => {
        call.abandon(signal?.reason);
      };
      const timer = this.#scheduler.after(timeoutMs, () => {
        call.abandon(new Error(`no answer within ${timeoutMs} ms`));
      });
      signal?.addEventListener('abort', onAbort);
      this.#callsInFlight += 1;
      link.send({ method, encoded, body: bodyOf(encoded) }, call);
    });
  }

  status(): HttpPeersStatus {
    return {
      callsInFlight: this.#callsInFlight,
      callsAnswered: this.#callsAnswered,
      callsUnreachable: this.#callsUnreachable,
    };
  }

  /** Uses other certificates for new connections; calls in flight end on those that they have. */
  useTls(tls: PeerTls): void {
    this.#options = { ...this.#options, tls };
    for (const link of this.#links.values()) link.retire();
    this.#links.clear();
  }

  /** Aborts all calls in flight and closes their connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const all = [...this.#links.values()];
    this.#links.clear();
    const reason = stoppingError();
    await Promise.all(all.map((link) => link.destroy(reason)));
  }

  /** @throws PeerUnreachableError for a broker without an address */
  #linkTo(brokerId: number): PeerLink {
    if (this.#isClosed) throw this.#notSent(brokerId, stoppingError());
    const url = this.#addressOf(brokerId);
    const existing = this.#links.get(brokerId);
    if (existing !== undefined && existing.url === url) return existing;
    // The broker has a new address; calls in flight to the old one finish by themselves.
    existing?.retire();
    this.#links.delete(brokerId);
    if (url === undefined) throw this.#notSent(brokerId, new Error('it is not registered'));
    const headers = [...this.#headers, PEER_HEADERS.callee, String(brokerId)];
    const options = { ...this.#options, callee: brokerId, headers };
    const link = new PeerLink(url, options, this.#scheduler);
    this.#links.set(brokerId, link);
    return link;
  }

  #notSent(brokerId: number, cause: unknown): PeerUnreachableError {
    this.#callsUnreachable += 1;
    return new PeerUnreachableError(brokerId, false, cause);
  }

  #logRefusal(brokerId: number, { cause }: Error): void {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `broker ${brokerId} refuses the calls of this broker: ${reason}`;
    this.#log.warn(String(brokerId), { brokerId }, message);
  }

  #tooLarge({ sizeBytes }: EncodedPeerMessage): ProtocolError {
    const { messageBytesMax } = this.#options;
    return new ProtocolError(
      'REQUEST_TOO_LARGE',
      `A message of ${sizeBytes} bytes exceeds the limit of ${messageBytesMax} bytes between brokers (SLUICE_CLUSTER_MESSAGE_BYTES_MAX).`,
    );
  }
}

function stoppingError(): Error {
  return new Error('this broker is stopping');
}

/** Large messages are sent in their parts, because joining them costs more than sending them. */
function bodyOf({ chunks }: EncodedPeerMessage): Buffer | Readable {
  const [first] = chunks;
  const isWhole = chunks.length === 1 && first !== undefined;
  return isWhole ? first : Readable.from(chunks, { objectMode: false });
}
