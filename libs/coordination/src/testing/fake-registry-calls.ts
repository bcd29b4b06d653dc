import type { ClusterState, CommitName } from '../cluster-state.js';
import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import type { RebuildRound, RebuildRounds } from '../registry/rebuild-rounds.js';
import type {
  ClusterDocument,
  RebuildView,
  RegisteredCluster,
  RegistrySnapshot,
} from '../registry/registry.js';
import type { FakeRegistryData } from './fake-registry-data.js';

/**
 * The calls of a connection to the data of a fake registry. Subclasses implement the transport of
 * calls and answers, and its faults.
 *
 * Overlap: all calls may overlap; each runs on the data in one synchronous step.
 */
export abstract class FakeRegistryCalls {
  readonly rebuilds: RebuildRounds<RebuildView> = {
    current: () => this.call(({ round }) => round),
    begin: (before, confirmedBefore, round) =>
      this.call((data) => data.beginRebuild(before, confirmedBefore, round)),
    publish: (round, _brokerId, view) => this.call((data) => data.publishView(round, view)),
    views: (round) => this.call((data) => data.views(round)),
    givenUpBrokers: () => this.call(({ givenUp }) => [...givenUp]),
  };

  /**
   * Runs a function on the data.
   * @param timeoutMs time after which the connection counts as broken
   * @throws RegistryAwayError
   */
  protected abstract call<T>(run: (data: FakeRegistryData) => T, timeoutMs?: number): Promise<T>;

  cluster(): Promise<RegisteredCluster | undefined> {
    return this.call(({ cluster }) => cluster);
  }

  found(document: ClusterDocument, state: ClusterState): Promise<RegisteredCluster | undefined> {
    return this.call((data) => data.found(document, state));
  }

  snapshot(knownVersion: number): Promise<RegistrySnapshot | undefined> {
    return this.call((data) => data.snapshot(knownVersion));
  }

  newest(): Promise<CommitName | undefined> {
    return this.call(({ cluster, state }) => (cluster === undefined ? undefined : state));
  }

  renewLease(lease: BrokerLease, renewal: string, timeoutMs: number): Promise<LeaseReply> {
    return this.call((data) => data.answerRenewal(lease, renewal), timeoutMs);
  }

  leases(brokerIds: readonly number[], timeoutMs: number): Promise<ReadonlyMap<number, string>> {
    return this.call(({ leases }) => ofBrokers(leases, brokerIds), timeoutMs);
  }

  publishJournaled(brokerId: number, version: number): Promise<void> {
    return this.call(({ journaled }) => void journaled.set(brokerId, version));
  }

  journaledVersions(brokerIds: readonly number[]): Promise<ReadonlyMap<number, number>> {
    return this.call(({ journaled }) => ofBrokers(journaled, brokerIds));
  }

  confirmedBy(): Promise<string | undefined> {
    return this.call(({ confirmedBy }) => confirmedBy);
  }

  installRebuilt(
    round: RebuildRound,
    document: ClusterDocument,
    state: ClusterState,
  ): Promise<boolean> {
    return this.call((data) => data.installRebuilt(round, document, state));
  }
}

function ofBrokers<T>(
  values: ReadonlyMap<number, T>,
  brokerIds: readonly number[],
): ReadonlyMap<number, T> {
  const found = new Map<number, T>();
  for (const id of brokerIds) {
    const value = values.get(id);
    if (value !== undefined) found.set(id, value);
  }
  return found;
}
