/**
 * The place where a cluster stores its security metadata, as one broker accesses it: each call is
 * one atomic operation. It stores texts and knows nothing of their signatures.
 *
 * It has a line of commits and a snapshot from which the line can be followed. As with the metadata
 * of topics (registry.ts), commits are accepted only while the present process of the registry is
 * the one that the line was installed in: every restart, and every change of master, ends with a
 * rebuild from the journals of the brokers.
 */
import type { Revocation, SecurityPosition } from '#security';
import type { RebuildRound, RebuildRounds } from '../registry/rebuild-rounds.js';

/** A commit as it is stored. */
export interface StoredCommit extends SecurityPosition {
  readonly previousChangeId: string;
  /** JSON of change documents. */
  readonly changes: string;
  readonly signature: string;
}

export interface StoredRevocation extends Revocation {
  readonly signature: string;
}

/** The result of one read. */
export interface SecurityRead {
  /** The newest commit; undefined when there is none. */
  readonly position: SecurityPosition | undefined;
  /** Id of the process that the line was installed in; undefined when it is not recorded. */
  readonly confirmedBy: string | undefined;
  /** True when that is the present process. */
  readonly isConfirmed: boolean;
  /** Change id of the version that was asked for; undefined when that commit is not stored. */
  readonly knownChangeId: string | undefined;
  /** The description of the snapshot: see security-snapshots.ts. */
  readonly snapshot: string | undefined;
  readonly revocationCount: number;
  /** The first commits after the version that was asked for. */
  readonly commits: readonly StoredCommit[];
}

export type SecurityCommitReply =
  /** It is applied: by this call or by an earlier one. */
  | 'committed'
  /** Another commit came first. */
  | 'conflict'
  /** The line was not installed in the present process of the registry. */
  | 'unconfirmed';

export interface SecurityRegistry {
  /** The rounds in which brokers rebuild what the registry has lost; the views are signed texts. */
  readonly rebuilds: RebuildRounds<string>;
  /** True while it can be called, as far as is known. */
  readonly isReady: boolean;
  readonly lastError: unknown;
  /** Sets the callback for the time when the registry was reached (again). */
  listen(onReady: () => void): void;

  read(knownVersion: number): Promise<SecurityRead>;
  /** Commits on top of `before`; another newest commit is a conflict. */
  commit(
    before: SecurityPosition,
    commit: StoredCommit,
    timeoutMs: number,
  ): Promise<SecurityCommitReply>;

  /** Stores chunks of a snapshot that is installed later. */
  putChunks(changeId: string, firstIndex: number, chunks: readonly string[]): Promise<void>;
  /** Reads chunks; undefined for those that are missing. */
  chunks(
    changeId: string,
    firstIndex: number,
    count: number,
  ): Promise<readonly (string | undefined)[]>;
  /** Removes the chunks of a snapshot that was not installed. */
  removeChunks(changeId: string): Promise<void>;
  /**
   * Replaces the snapshot by one of a commit of the present line, and drops the commits before it.
   * @returns false, without effect, when the line does not have that commit
   */
  installSnapshot(position: SecurityPosition, snapshot: string): Promise<boolean>;

  /** Every stored revocation; the field of one that cannot be read has no signature. */
  revocations(): Promise<readonly StoredRevocation[]>;
  putRevocations(revocations: readonly StoredRevocation[]): Promise<void>;
  removeRevocations(subjects: readonly string[]): Promise<void>;

  /** Publishes the newest version that a broker has on its disk. */
  publishJournaled(brokerId: number, version: number): Promise<void>;
  journaledVersions(brokerIds: readonly number[]): Promise<readonly number[]>;

  /**
   * Replaces the line by a snapshot, confirmed, and ends the round.
   * @returns false, without effect, when this round is not in progress
   */
  installRebuilt(
    round: RebuildRound,
    position: SecurityPosition,
    snapshot: string,
  ): Promise<boolean>;

  close(): void;
}
