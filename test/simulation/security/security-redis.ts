import type { SecurityPosition } from '#security';
import type { RebuildRound } from '../../../libs/coordination/src/registry/rebuild-rounds.js';
import type {
  SecurityCommitReply,
  SecurityRead,
  StoredCommit,
  StoredRevocation,
} from '../../../libs/coordination/src/security/security-registry.js';

const COMMITS_PER_READ = 50;

/** Everything that Redis stores of the security metadata. */
interface Stored {
  position: SecurityPosition | undefined;
  commits: StoredCommit[];
  confirmedBy: string | undefined;
  snapshot: string | undefined;
  chunks: Map<string, Map<number, string>>;
  revocations: Map<string, StoredRevocation>;
  round: { readonly round: RebuildRound; readonly process: string } | undefined;
  views: Map<number, string>;
  journaled: Map<number, number>;
}

/**
 * The part of a Redis that has the security metadata, which runs one call at a time. Its methods do
 * what the scripts do (libs/coordination/src/redis/lua); it dies, loses data and is rolled back.
 */
export class SecurityRedis {
  #stored = emptied();
  #processes = 1;
  #isUp = true;
  #repliesToLose = 0;
  /** Earlier contents, as a replica or a backup has them. */
  #copies: Stored[] = [];

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Keeps a copy that a later rollback may bring back. */
  copy(): void {
    this.#copies = [...this.#copies.slice(-4), structuredClone(this.#stored)];
  }

  kill(): void {
    this.#isUp = false;
  }

  /** Starts another process, with the present data or an older copy of them. */
  start(copy?: number): void {
    if (this.#isUp) return;
    this.#isUp = true;
    this.#processes += 1;
    if (copy !== undefined) this.rollBack(copy);
  }

  /** Replaces the contents by an older copy in the same process, as whoever may write can. */
  rollBack(copy: number): void {
    const older = this.#copies[copy % Math.max(1, this.#copies.length)];
    if (older !== undefined) this.#stored = structuredClone(older);
  }

  /** Removes all data (FLUSHALL). */
  flush(): void {
    this.#stored = emptied();
  }

  /** Executes the next calls and loses their replies. */
  loseReplies(count: number): void {
    this.#repliesToLose = count;
  }

  takesReply(): boolean {
    if (this.#repliesToLose === 0) return false;
    this.#repliesToLose -= 1;
    return true;
  }

  read(knownVersion: number): SecurityRead {
    const { position, commits, confirmedBy, snapshot, revocations } = this.#stored;
    return {
      position,
      confirmedBy,
      isConfirmed: confirmedBy === this.#process,
      knownChangeId: commits.find(({ version }) => version === knownVersion)?.changeId,
      snapshot,
      revocationCount: revocations.size,
      commits: commits.filter(({ version }) => version > knownVersion).slice(0, COMMITS_PER_READ),
    };
  }

  commit(before: SecurityPosition, commit: StoredCommit): SecurityCommitReply {
    const stored = this.#stored;
    if (stored.confirmedBy !== this.#process) return 'unconfirmed';
    if (!isSame(stored.position, before)) {
      const made = stored.commits.find(({ version }) => version === commit.version);
      return made?.changeId === commit.changeId ? 'committed' : 'conflict';
    }
    stored.commits.push(commit);
    stored.position = { version: commit.version, changeId: commit.changeId };
    return 'committed';
  }

  putChunks(changeId: string, firstIndex: number, chunks: readonly string[]): void {
    const present = this.#stored.chunks.get(changeId) ?? new Map<number, string>();
    for (const [offset, chunk] of chunks.entries()) present.set(firstIndex + offset, chunk);
    this.#stored.chunks.set(changeId, present);
  }

  chunks(changeId: string, firstIndex: number, count: number): (string | undefined)[] {
    const present = this.#stored.chunks.get(changeId);
    return Array.from({ length: count }, (_, offset) => present?.get(firstIndex + offset));
  }

  removeChunks(changeId: string): void {
    this.#stored.chunks.delete(changeId);
  }

  installSnapshot(position: SecurityPosition, snapshot: string): boolean {
    const stored = this.#stored;
    const isMade = stored.commits.some((commit) => isSame(commit, position));
    if (stored.confirmedBy !== this.#process || !isMade) return false;
    stored.snapshot = snapshot;
    stored.commits = stored.commits.filter(({ version }) => version >= position.version);
    return true;
  }

  revocations(): StoredRevocation[] {
    return [...this.#stored.revocations.values()];
  }

  putRevocations(revocations: readonly StoredRevocation[]): void {
    for (const one of revocations) this.#stored.revocations.set(one.subject, one);
  }

  removeRevocations(subjects: readonly string[]): void {
    for (const subject of subjects) this.#stored.revocations.delete(subject);
  }

  publishJournaled(brokerId: number, version: number): void {
    this.#stored.journaled.set(brokerId, version);
  }

  journaledVersions(brokerIds: readonly number[]): number[] {
    return brokerIds.flatMap((id) => this.#stored.journaled.get(id) ?? []);
  }

  installRebuilt(round: RebuildRound, position: SecurityPosition, snapshot: string): boolean {
    if (this.currentRound()?.id !== round.id) return false;
    const stored = this.#stored;
    stored.commits = [];
    stored.round = undefined;
    stored.views.clear();
    stored.snapshot = snapshot;
    stored.position = position;
    stored.confirmedBy = this.#process;
    return true;
  }

  currentRound(): RebuildRound | undefined {
    const { round } = this.#stored;
    return round?.process === this.#process ? round.round : undefined;
  }

  beginRound(
    before: RebuildRound | undefined,
    confirmedBefore: string | undefined,
    round: RebuildRound,
  ): void {
    if (this.currentRound()?.id !== before?.id) return;
    if (this.#stored.confirmedBy !== confirmedBefore) return;
    this.#stored.views.clear();
    this.#stored.confirmedBy = undefined;
    this.#stored.round = { round, process: this.#process };
  }

  publishView(round: RebuildRound, brokerId: number, view: string): void {
    if (this.currentRound()?.id === round.id) this.#stored.views.set(brokerId, view);
  }

  views(round: RebuildRound): string[] {
    return this.currentRound()?.id === round.id ? [...this.#stored.views.values()] : [];
  }

  get #process(): string {
    return `process ${this.#processes}`;
  }
}

function emptied(): Stored {
  return {
    position: undefined,
    commits: [],
    confirmedBy: undefined,
    snapshot: undefined,
    chunks: new Map(),
    revocations: new Map(),
    round: undefined,
    views: new Map(),
    journaled: new Map(),
  };
}

function isSame(left: SecurityPosition | undefined, right: SecurityPosition): boolean {
  return left?.version === right.version && left.changeId === right.changeId;
}
