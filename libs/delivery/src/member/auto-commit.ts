import { ProtocolError, type TopicPartition } from '#protocol';
import type { RecordRun } from '../record-run.js';
import { AcknowledgedOffsets, type AcknowledgedOffsetsParts } from './acknowledged-offsets.js';
import type { OwnedPartition } from './owned-partitions.js';
import { UnacknowledgedRecords } from './unacknowledged-records.js';

export interface AutoCommitOptions extends AcknowledgedOffsetsParts {
  readonly ownedOf: (target: TopicPartition) => OwnedPartition | undefined;
  /** Limit of the records that are delivered or may be, and are not acknowledged. */
  readonly unacknowledgedMax: number;
}

/**
 * Commits by credit: a member that grants credit for n records acknowledges the n oldest records
 * that it received, which are committed.
 *
 * Overlap: all calls may come while a commit is under way.
 */
export class AutoCommit {
  readonly #options: AutoCommitOptions;
  readonly #delivered = new UnacknowledgedRecords<OwnedPartition>();
  readonly #offsets: AcknowledgedOffsets;
  /** Records that were delivered or may be, and are not acknowledged. */
  #windowRecords = 0;

  /** @throws ProtocolError POLICY_VIOLATION when the first credit is over the limit */
  constructor(options: AutoCommitOptions, creditRecords: number) {
    this.#options = options;
    this.#offsets = new AcknowledgedOffsets(options);
    this.#widen(creditRecords);
  }

  /** Number of records that were delivered and not acknowledged. */
  get unacknowledged(): number {
    return this.#delivered.count;
  }

  /** Hot. */
  delivered(run: RecordRun): void {
    const owned = this.#options.ownedOf(run.source);
    if (owned === undefined) return;
    owned.leaderEpoch = run.source.leaderEpoch;
    this.#delivered.add(owned, run);
  }

  /** @throws ProtocolError POLICY_VIOLATION; nothing is acknowledged then */
  granted(records: number): void {
    this.#widen(records - Math.min(records, this.#delivered.count));
    this.#delivered.acknowledge(records, (owned, nextOffset) => {
      this.#offsets.add(owned, nextOffset);
    });
  }

  /** Resolves when everything acknowledged is committed, or never will be. */
  settled(): Promise<void> {
    return this.#offsets.settled();
  }

  close(): void {
    this.#offsets.close();
  }

  #widen(records: number): void {
    const { unacknowledgedMax } = this.#options;
    if (this.#windowRecords + records > unacknowledgedMax) {
      throw new ProtocolError(
        'POLICY_VIOLATION',
        `A member with autoCommit has at most ${unacknowledgedMax} records that it did not ` +
          'acknowledge (SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX). Grant less credit.',
        { bound: 'SLUICE_MEMBER_UNACKNOWLEDGED_RECORDS_MAX' },
      );
    }
    this.#windowRecords += records;
  }
}
