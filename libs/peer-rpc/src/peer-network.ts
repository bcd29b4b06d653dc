/**
 * The private side of one broker: its listener and its calls of others, opened and closed together.
 *
 * `open` binds the address, so that it is known before the broker registers; `connect` and `serve`
 * follow when the cluster is known.
 *
 * Overlap: calls overlap freely. `connect` and `serve` are called once each after `open`; `close`
 * is called once, at the end.
 */
import type { PeerHandlers, Peers } from '#replication';
import { assert } from '#runtime';
import { PeerSecrets } from './authentication/peer-secrets.js';
import { registrationProofs } from './authentication/registration-proofs.js';
import { type ClusterAddressSettings, clusterUrlOf } from './cluster-address.js';
import { HttpPeers, type HttpPeersStatus } from './http-peers.js';
import { PeerListener, type PeerListenerStatus } from './peer-listener.js';
import type { PeerIdentity } from './peer-protocol.js';
import type { PeerRpcPorts } from './peer-rpc-ports.js';
import type { PeerTls } from './peer-tls.js';

const CONNECT_TIMEOUT_MS = 3000;
const CLOSE_GRACE_MS = 2000;

/** The settings of a gateway in cluster mode have all of these members. */
export interface PeerNetworkSettings extends ClusterAddressSettings {
  readonly brokerId: number;
  /** Required, although its type allows undefined: the check of the settings ensures it. */
  readonly clusterSecret: string | undefined;
  /** Accepted as well, while the secret is replaced. */
  readonly clusterSecretPrevious?: string | undefined;
  /** Digest of the settings of security that all brokers must share; default: none. */
  readonly securityAgreement?: string;
  /** True while the brokers are restarted one by one with other settings of security. */
  readonly isSecurityRolling?: boolean;
  readonly clusterPort: number;
  readonly clusterMessageBytesMax: number;
  readonly clusterMemoryBytes: number;
  readonly clusterCallsMax: number;
  readonly clusterArrivalTimeoutMs: number;
}

/** The part of the cluster's metadata that calls need. */
export interface PeerDirectory {
  readonly clusterUuid: string;
  readonly state: {
    readonly brokers: ReadonlyMap<number, { readonly clusterUrl: string | null }>;
  };
}

export interface PeerNetworkStatus {
  readonly listener: PeerListenerStatus;
  readonly peers: HttpPeersStatus;
}

export class PeerNetwork {
  readonly #settings: PeerNetworkSettings;
  readonly #identity: PeerIdentity;
  #tls: PeerTls | undefined;
  readonly #listener: PeerListener;
  readonly #ports: PeerRpcPorts;
  #peers: HttpPeers | undefined;

  private constructor(
    settings: PeerNetworkSettings,
    identity: PeerIdentity,
    tls: PeerTls | undefined,
    ports: PeerRpcPorts,
  ) {
    this.#settings = settings;
    this.#identity = identity;
    this.#tls = tls;
    this.#ports = ports;
    this.#listener = new PeerListener(
      {
        ...identity,
        host: settings.clusterHost,
        port: settings.clusterPort,
        tls,
        isChannelSecure: tls !== undefined,
        messageBytesMax: settings.clusterMessageBytesMax,
        memoryBytesMax: settings.clusterMemoryBytes,
        callsMax: settings.clusterCallsMax,
        arrivalTimeoutMs: settings.clusterArrivalTimeoutMs,
      },
      ports,
    );
  }

  /**
   * Binds the private address; calls are refused until `serve`.
   * @param tls undefined: the brokers talk without TLS
   * @throws PeerListenError
   */
  static async open(
    settings: PeerNetworkSettings,
    tls: PeerTls | undefined,
    ports: PeerRpcPorts,
  ): Promise<PeerNetwork> {
    const { brokerId, clusterSecret, clusterSecretPrevious } = settings;
    assert(clusterSecret !== undefined, 'a cluster without a secret');
    const before = clusterSecretPrevious === undefined ? [] : [clusterSecretPrevious];
    const secrets = new PeerSecrets([clusterSecret, ...before]);
    const network = new PeerNetwork(settings, { brokerId, secrets }, tls, ports);
    await network.#listener.listen();
    return network;
  }

  /** URL at which other brokers reach this one. */
  get clusterUrl(): string {
    return clusterUrlOf(this.#settings, this.#tls !== undefined, this.#listener.port);
  }

  /**
   * Returns the calls of other brokers, each at the address that the directory has at that time.
   */
  connect(directory: PeerDirectory): Peers {
    const peers = new HttpPeers(
      {
        ...this.#identity,
        clusterUuid: directory.clusterUuid,
        tls: this.#tls,
        isChannelSecure: this.#tls !== undefined,
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        messageBytesMax: this.#settings.clusterMessageBytesMax,
      },
      (brokerId) => directory.state.brokers.get(brokerId)?.clusterUrl ?? undefined,
      this.#ports,
    );
    this.#peers = peers;
    return peers;
  }

  /** Returns the proofs of this broker's registration, and the check of other registrations. */
  security(clusterUuid: string, dataDirUuid: string): ReturnType<typeof registrationProofs> {
    const { securityAgreement: agreement = '', isSecurityRolling: isRolling = false } =
      this.#settings;
    return registrationProofs({
      ...this.#identity,
      clusterUuid,
      dataDirUuid,
      agreement,
      isRolling,
    });
  }

  /** Uses other certificates for new connections; calls in flight go on with the earlier ones. */
  useTls(tls: PeerTls): void {
    this.#tls = tls;
    this.#listener.useTls(tls);
    this.#peers?.useTls(tls);
  }

  /** Accepts calls from now on. */
  serve(clusterUuid: string, handlers: PeerHandlers): void {
    this.#listener.serve(clusterUuid, handlers);
  }

  status(): PeerNetworkStatus {
    return {
      listener: this.#listener.status(),
      peers: this.#peers?.status() ?? { callsInFlight: 0, callsAnswered: 0, callsUnreachable: 0 },
    };
  }

  /**
   * Answers the calls of others in flight, then aborts its own.
   * @param graceMs time for the calls of other brokers
   */
  async close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    await this.#listener.close(graceMs);
    await this.#peers?.close();
  }
}
