/** Decisions about members: the registration of a process under a broker id. */
import type { Random } from '#runtime';
import type { ClusterState } from '../cluster-state.js';
import type {
  BrokerRegistration,
  BrokerSecurity,
  MetadataChange,
  PartitionMetadata,
} from '../metadata.js';
import { changePartitions, isAliveIn, isrWithout, withIsrAndLeader } from './partition-changes.js';

/** A process that registers as a broker. */
export interface Registrant {
  readonly id: number;
  readonly url: string | null;
  readonly clusterUrl: string | null;
  readonly rack: string | null;
  readonly dataDirUuid: string;
  /** Features of its version (feature-level.ts). */
  readonly featureLevel?: number;
  /**
   * True when synced ends of its logs may have gone back since its last process: after an unclean
   * stop of a broker that acknowledges before it syncs. It leaves every ISR that has another
   * member.
   */
  readonly mayLackRecords?: boolean;
  /**
   * Broker epoch of a registration whose lease was watched for its whole length and not renewed:
   * another data directory may take over its id.
   */
  readonly expiredBrokerEpoch?: number;
  /** Proofs for other brokers; absent if it is the only broker. */
  readonly security?: BrokerSecurity;
  /**
   * Returns why this process and another broker cannot belong to one cluster, as a sentence;
   * undefined if they can.
   */
  readonly securityFault?: (other: BrokerRegistration) => string | undefined;
  /** Broker epochs whose leases were watched and not renewed: they have no say. */
  readonly silentBrokerEpochs?: ReadonlySet<number>;
}

/** A live broker of the cluster and this process do not trust each other. */
export class ForeignBrokerError extends Error {
  override readonly name = 'ForeignBrokerError';

  constructor(
    readonly brokerId: number,
    readonly brokerEpoch: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** The broker id belongs to another data directory, whose process may be alive. */
export class BrokerIdTakenError extends Error {
  override readonly name = 'BrokerIdTakenError';

  /** @param brokerEpoch broker epoch of the registration that has the id */
  constructor(
    readonly brokerId: number,
    readonly brokerEpoch: number,
    url: string | null,
  ) {
    super(
      `Broker id ${brokerId} is taken: a broker with another data directory has it` +
        `${url === null ? '' : ` (${url})`} and may be alive.`,
    );
  }
}

/**
 * Registers a process under its broker id.
 *
 * Every partition that an earlier process of this id led gets a new leader epoch in the same
 * commit, led by another live in-sync replica where there is one: no process leads in an epoch that
 * was granted to another one. A replaced disk leaves all ISRs: where it was the last member the ISR
 * is empty, and the partition has no leader until an operator decides.
 * @throws BrokerIdTakenError when another data directory has the id and may be alive;
 *   ForeignBrokerError when a live broker has another secret or other settings of security
 */
export function registerBroker(
  state: ClusterState,
  registrant: Registrant,
  random: Random,
): MetadataChange[] {
  const { id, url, clusterUrl, rack, dataDirUuid, featureLevel, security } = registrant;
  const previous = state.brokers.get(id);
  const isSameDisk = previous === undefined || previous.dataDirUuid === dataDirUuid;
  if (!isSameDisk) assertGone(previous, registrant);
  assertRecognised(state, registrant);
  const broker = {
    id,
    url,
    clusterUrl,
    rack,
    dataDirUuid,
    brokerEpoch: state.version + 1,
    ...(featureLevel !== undefined && { featureLevel }),
    ...(security !== undefined && { security }),
  };
  const isAlive = isAliveIn(state);

  const isrAfter = ({ isr, isNew }: PartitionMetadata): readonly number[] => {
    // A log that was never created cannot be missing on the new disk.
    if (!isSameDisk && !isNew) return isr.filter((member) => member !== id);
    return registrant.mayLackRecords === true ? isrWithout(isr, id) : isr;
  };
  const partitions = changePartitions(state, (partition, topic) => {
    const { replicas, leader } = partition;
    if (!replicas.includes(id)) return partition;
    const live = [...replicas.filter((other) => other !== id && isAlive(other)), id];
    const settlement = { isr: isrAfter(partition), live, mayKeepLeader: leader !== id };
    return withIsrAndLeader(partition, topic, settlement, random);
  });
  return [{ kind: 'broker', broker: { ...broker, alive: true } }, ...partitions];
}

function assertRecognised({ brokers }: ClusterState, registrant: Registrant): void {
  const { id, securityFault, silentBrokerEpochs } = registrant;
  for (const other of brokers.values()) {
    if (other.id === id || !other.alive || silentBrokerEpochs?.has(other.brokerEpoch) === true) {
      continue;
    }
    const fault = securityFault?.(other);
    if (fault !== undefined) throw new ForeignBrokerError(other.id, other.brokerEpoch, fault);
  }
}

function assertGone(previous: BrokerRegistration, { expiredBrokerEpoch }: Registrant): void {
  const { id, alive, brokerEpoch, url } = previous;
  if (alive && brokerEpoch !== expiredBrokerEpoch) {
    throw new BrokerIdTakenError(id, brokerEpoch, url);
  }
}
