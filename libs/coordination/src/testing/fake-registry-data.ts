import {
  applyCommit,
  type ClusterState,
  EMPTY_CLUSTER,
  type MetadataCommit,
} from '../cluster-state.js';
import type { BrokerLease, LeaseReply } from '../lease/lease-renewer.js';
import { hasLeaseEnded } from '../lease-end.js';
import type { RebuildRound } from '../registry/rebuild-rounds.js';
import type {
  ClusterDocument,
  CommitReply,
  RebuildView,
  RegisteredCluster,
  RegistrySnapshot,
} from '../registry/registry.js';
import { RegistryRefusedError } from '../registry-errors.js';

/** Most commits in one answer. */
const COMMITS_PER_READ = 200;

/** The scripts of a registry on values in memory: each method is atomic. */
export class FakeRegistryData {
  readonly leases = new Map<number, string>();
  readonly journaled = new Map<number, number>();
  readonly givenUp = new Set<number>();
  /** Error reply to every write, as of a Redis without memory; undefined: writes are accepted. */
  refusal: string | undefined;
  #cluster: RegisteredCluster | undefined;
  #confirmedBy: string | undefined;
  /**
   * States of the newest line: the first as it was founded or rebuilt, then each with its commit.
   */
  #line: { readonly state: ClusterState; readonly commit: MetadataCommit | undefined }[] = [];
  #round: RebuildRound | undefined;
  #views = new Map<number, RebuildView>();
  #process = 1;

  get cluster(): RegisteredCluster | undefined {
    return this.#cluster;
  }

  get state(): ClusterState {
    return this.#line.at(-1)?.state ?? EMPTY_CLUSTER;
  }

  get confirmedBy(): string | undefined {
    return this.#confirmedBy;
  }

  get round(): RebuildRound | undefined {
    return this.#round;
  }

  get isConfirmed(): boolean {
    return this.#confirmedBy === `process-${this.#process}`;
  }

  /**
   * Restarts the registry as another process, with the line up to a version; default: all of it.
   */
  restart(version = Number.POSITIVE_INFINITY): void {
    this.#process += 1;
    this.#round = undefined;
    this.#views = new Map();
    this.#line = this.#line.filter(({ state }) => state.version <= version);
    if (this.#line.length === 0) this.empty();
  }

  /** Removes everything, while the process stays the same. */
  empty(): void {
    this.#line = [];
    this.#cluster = undefined;
    this.#confirmedBy = undefined;
    this.#round = undefined;
    this.#views = new Map();
    this.leases.clear();
    this.journaled.clear();
  }

  /** Loses the name of a topic and all that belongs to it, without a commit. */
  loseTopic(name: string): void {
    const last = this.#line.pop();
    if (last === undefined) return;
    const topics = new Map(last.state.topics);
    topics.delete(name);
    this.#line.push({ ...last, state: { ...last.state, topics } });
  }

  found(document: ClusterDocument, state: ClusterState): RegisteredCluster | undefined {
    if (this.#cluster !== undefined) return this.#cluster;
    if (this.#round !== undefined) return undefined;
    return this.#install(document, state);
  }

  commit(cluster: RegisteredCluster, before: ClusterState, commit: MetadataCommit): CommitReply {
    this.#assertAccepted();
    if (this.#cluster?.text !== cluster.text) return { kind: 'other-cluster' };
    if (!this.isConfirmed) return { kind: 'unconfirmed' };
    const { version, changeId } = this.state;
    if (version !== before.version || changeId !== before.changeId) {
      if (this.commitAt(commit.version)?.changeId === commit.changeId) return { kind: 'committed' };
      return { kind: 'conflict', missed: this.commitsAfter(before.version) };
    }
    this.#line.push({ state: applyCommit(this.state, commit), commit });
    return { kind: 'committed' };
  }

  commitAt(version: number): MetadataCommit | undefined {
    return this.#line.find(({ commit }) => commit?.version === version)?.commit;
  }

  commitsAfter(version: number): MetadataCommit[] {
    const commits = this.#line.flatMap(({ commit }) => commit ?? []);
    return commits.filter((commit) => commit.version > version).slice(0, COMMITS_PER_READ);
  }

  snapshot(knownVersion: number): RegistrySnapshot | undefined {
    if (this.#cluster === undefined) return undefined;
    return {
      cluster: this.#cluster,
      isConfirmed: this.isConfirmed,
      state: this.state,
      knownChangeId: this.commitAt(knownVersion)?.changeId ?? null,
    };
  }

  answerRenewal(lease: BrokerLease, renewal: string): LeaseReply {
    this.#assertAccepted();
    const isRenewed = this.#renewLease(lease, renewal);
    return { isRenewed, newest: this.isConfirmed ? this.state : undefined };
  }

  beginRebuild(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    round: RebuildRound,
  ): void {
    if (this.#round?.id !== before?.id || this.#confirmedBy !== confirmedBefore) return;
    this.#round = round;
    this.#views = new Map();
    this.#confirmedBy = undefined;
  }

  publishView(round: RebuildRound, view: RebuildView): void {
    if (this.#round?.id === round.id) this.#views.set(view.brokerId, view);
  }

  views(round: RebuildRound): RebuildView[] {
    return this.#round?.id === round.id ? [...this.#views.values()] : [];
  }

  installRebuilt(round: RebuildRound, document: ClusterDocument, state: ClusterState): boolean {
    if (this.#round?.id !== round.id) return false;
    this.#install(document, state);
    return true;
  }

  #assertAccepted(): void {
    if (this.refusal !== undefined) throw new RegistryRefusedError(this.refusal);
  }

  #renewLease({ brokerId, brokerEpoch }: BrokerLease, renewal: string): boolean {
    const existing = this.leases.get(brokerId);
    if (existing !== undefined && Number(existing.split(' ', 1)[0]) > brokerEpoch) return false;
    if (hasLeaseEnded(this.state, { brokerId, brokerEpoch })) return false;
    this.leases.set(brokerId, `${brokerEpoch} ${renewal}`);
    return true;
  }

  #install(document: ClusterDocument, state: ClusterState): RegisteredCluster {
    this.#cluster = { document, text: JSON.stringify(document) };
    this.#confirmedBy = `process-${this.#process}`;
    this.#line = [{ state, commit: undefined }];
    this.#round = undefined;
    this.#views = new Map();
    return this.#cluster;
  }
}
