import type { LeaderEpoch } from '#protocol';
import type { FileSystem } from '#runtime';
import { CheckpointFile, type CheckpointFormat } from '../checkpoint/checkpoint-file.js';

/**
 * One election of a partition's leader: the epoch's number, and the id that distinguishes it from
 * other elections of the same number.
 */
export interface Election {
  readonly epoch: LeaderEpoch;
  /** Random id, created with the epoch. */
  readonly electionId: string;
}

interface ElectionEntry extends Election {
  readonly kind: 'accepted' | 'written';
}

const FORMAT: CheckpointFormat<ElectionEntry> = {
  format: ({ kind, epoch, electionId }) => `${kind} ${epoch} ${electionId}`,
  parse: (line) => {
    const match = /^(accepted|written) (\d+) (\S+)$/.exec(line);
    if (match === null) return undefined;
    const epoch = Number(match[2]);
    if (!Number.isSafeInteger(epoch)) return undefined;
    return { kind: match[1] as ElectionEntry['kind'], epoch, electionId: match[3] ?? '' };
  },
};

/**
 * The elections of a partition's leaders that this replica knows, in `leader-election-checkpoint`
 * beside `leader-epoch-checkpoint` (replication-safety 4.1 and 4.5): `accepted` for the newest one
 * that it has taken part in, `written` for each older one that its log has batches of.
 *
 * Numbers of epochs alone do not identify an election: after the metadata store was rolled back,
 * two may have the same number. For an epoch without a known id (from before the partition had
 * other replicas) only the number is compared.
 *
 * Invariants: the accepted epoch never falls, and is on disk before the replica acts in it; the id
 * of an epoch is on disk before a batch of that epoch is.
 *
 * Overlap: calls must not overlap; they are made in the log's write lane.
 */
export class LeaderElections {
  #accepted: Election | undefined;
  #written = new Map<LeaderEpoch, string>();
  readonly #file: CheckpointFile<ElectionEntry>;

  private constructor(file: CheckpointFile<ElectionEntry>) {
    this.#file = file;
  }

  /** @throws CorruptCheckpointError */
  static async open(fileSystem: FileSystem, path: string): Promise<LeaderElections> {
    const elections = new LeaderElections(new CheckpointFile(fileSystem, path, FORMAT));
    for (const { kind, epoch, electionId } of await elections.#file.read()) {
      if (kind === 'accepted') elections.#accepted = { epoch, electionId };
      else elections.#written.set(epoch, electionId);
    }
    return elections;
  }

  /** The newest election that this replica takes part in. */
  get accepted(): Election | undefined {
    return this.#accepted;
  }

  /**
   * Returns the id of the election in which the log's batches of this epoch were written, where
   * known.
   */
  idOf(epoch: LeaderEpoch): string | undefined {
    const written = this.#written.get(epoch);
    if (written !== undefined) return written;
    return this.#accepted?.epoch === epoch ? this.#accepted.electionId : undefined;
  }

  /**
   * Takes part in an election from now on; durable when it resolves.
   * @param epochsInLog epochs that the log has batches of, or may have: other ids are removed
   */
  async accept(election: Election, epochsInLog: readonly LeaderEpoch[]): Promise<void> {
    const { epoch, electionId } = election;
    if (this.#accepted?.epoch === epoch && this.#accepted.electionId === electionId) return;
    const written = this.#writtenOf(epochsInLog);
    await this.#write(election, written);
  }

  /**
   * Records the id of an epoch before its first batch is written; durable when it resolves.
   * @param electionId undefined when the leader does not know it either
   */
  async learn(
    epoch: LeaderEpoch,
    electionId: string | undefined,
    epochsInLog: readonly LeaderEpoch[],
  ): Promise<void> {
    if (this.idOf(epoch) === electionId) return;
    const written = this.#writtenOf(epochsInLog.filter((otherEpoch) => otherEpoch !== epoch));
    if (electionId !== undefined) written.set(epoch, electionId);
    await this.#write(this.#accepted, written);
  }

  #writtenOf(epochs: readonly LeaderEpoch[]): Map<LeaderEpoch, string> {
    const written = new Map<LeaderEpoch, string>();
    for (const epoch of epochs) {
      const electionId = this.idOf(epoch);
      if (electionId !== undefined) written.set(epoch, electionId);
    }
    return written;
  }

  async #write(accepted: Election | undefined, written: Map<LeaderEpoch, string>): Promise<void> {
    const entries: ElectionEntry[] = [];
    for (const [epoch, electionId] of written) {
      if (electionId !== accepted?.electionId) entries.push({ kind: 'written', epoch, electionId });
    }
    if (accepted !== undefined) entries.push({ kind: 'accepted', ...accepted });
    await this.#file.write(entries);
    this.#accepted = accepted;
    this.#written = written;
  }
}
