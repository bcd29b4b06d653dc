import { basename, dirname } from 'node:path';
import { RecordBatch } from '#log';
import { CONSUMER_OFFSETS_TOPIC } from '#protocol';
import { recordsIn, wholeBatches } from './batches.js';
import type { MetadataRules } from './metadata-rules.js';
import type { DiskObserver } from './simulated-disk.js';
import type { Trace } from './trace.js';

/** Position of the CRC-32C, which covers all fields that a leader does not stamp. */
const CRC_AT = 17;

/**
 * Checks the writes of brokers to their logs: in one leader epoch there is one batch at an offset,
 * on every replica and at any time, even if it is lost later (I3, I11).
 */
export class LogObservations {
  /** Checksum and first writer (the leader) of each batch, by directory, epoch and offset. */
  readonly #batches = new Map<string, { readonly crc: number; readonly broker: number }>();

  /** First writes of the batches of the groups' log, by directory, epoch and offset. */
  readonly #groupBatches = new Map<string, RecordBatch>();

  /** Broker that wrote new batches, by directory and epoch. */
  readonly #leaders = new Map<string, number>();
  /** Brokers that have ever written a value into a log. */
  readonly #writers = new Map<string, Set<number>>();
  readonly #trace: Trace;
  readonly #metadata: MetadataRules;
  readonly #violated: (what: string) => void;

  constructor(trace: Trace, metadata: MetadataRules, violated: (what: string) => void) {
    this.#trace = trace;
    this.#metadata = metadata;
    this.#violated = violated;
  }

  ofBroker(broker: number): DiskObserver {
    return {
      written: (path, bytes) => {
        if (path.endsWith('.log')) this.#written(broker, basename(dirname(path)), bytes);
      },
      truncated: (path, sizeBytes) => {
        if (!path.endsWith('.log')) return;
        const where = `${basename(dirname(path))} ${basename(path)}`;
        this.#trace.add(`broker ${broker}`, `truncates ${where} to ${sizeBytes} bytes`);
      },
    };
  }

  /** True when a broker has ever written a value into one of its logs. */
  hasWritten(broker: number, value: string): boolean {
    return this.#writers.get(value)?.has(broker) === true;
  }

  /**
   * The batches that leaders have appended to the groups' log, without those that later leaders did
   * not have: what the log would be if it were never compacted.
   */
  uncompactedGroupLog(): RecordBatch[] {
    const line: RecordBatch[] = [];
    const batches = [...this.#groupBatches.values()].toSorted(
      (one, other) => one.leaderEpoch - other.leaderEpoch || one.baseOffset - other.baseOffset,
    );
    for (const batch of batches) {
      while ((line.at(-1)?.lastOffset ?? -1) >= batch.baseOffset) line.pop();
      line.push(batch);
    }
    return line;
  }

  #written(broker: number, directory: string, bytes: Buffer): void {
    for (const batch of wholeBatches(bytes)) {
      const { baseOffset, leaderEpoch } = batch;
      const values = recordsIn(batch).map(({ value }) => value);
      const what = `${directory}@${baseOffset} in epoch ${leaderEpoch}`;
      this.#trace.add(`broker ${broker}`, `writes ${what}: ${values.join(' ')}`);
      for (const value of values) this.#recordWriter(value, broker);
      const crc = batch.bytes.readUInt32BE(CRC_AT);
      const known = this.#batches.get(what);
      if (known === undefined) {
        this.#batches.set(what, { crc, broker });
        if (directory.startsWith(CONSUMER_OFFSETS_TOPIC)) {
          this.#groupBatches.set(what, new RecordBatch(Buffer.from(batch.bytes)));
        }
        this.#checkLeader(broker, directory, batch);
      } else if (known.crc !== crc && this.#isCompacted(what, batch)) {
        this.#trace.add(`broker ${broker}`, `has compacted ${what}`);
      } else if (known.crc !== crc && this.#isSoleElection(directory, leaderEpoch)) {
        this.#violated(`I3, I11: brokers ${known.broker} and ${broker} wrote ${what} differently`);
      }
    }
  }

  /**
   * True for a batch of the groups' log of which compaction has left a part, or all with the time
   * at which its tombstones go.
   */
  #isCompacted(what: string, batch: RecordBatch): boolean {
    const whole = this.#groupBatches.get(what);
    if (whole === undefined) return false;
    const all = new Map(recordsIn(whole).map(({ offset, value }) => [offset, value]));
    const left = recordsIn(batch);
    if (left.length === all.size && !batch.hasDeleteHorizon) return false;
    return left.every(({ offset, value }) => all.get(offset) === value);
  }

  /** Checks that new batches of an epoch come from one broker, its leader (I11). */
  #checkLeader(broker: number, directory: string, { baseOffset, leaderEpoch }: RecordBatch): void {
    const epoch = `${directory} in epoch ${leaderEpoch}`;
    const leader = this.#leaders.get(epoch);
    if (leader === undefined) this.#leaders.set(epoch, broker);
    else if (leader !== broker && this.#isSoleElection(directory, leaderEpoch)) {
      this.#violated(
        `I11: broker ${broker} appends to ${epoch} at ${baseOffset}, led by ${leader}`,
      );
    }
  }

  #recordWriter(value: string | null, broker: number): void {
    if (value === null) return;
    const writers = this.#writers.get(value);
    if (writers === undefined) this.#writers.set(value, new Set([broker]));
    else writers.add(broker);
  }

  #isSoleElection(directory: string, leaderEpoch: number): boolean {
    const at = directory.lastIndexOf('-');
    const topic = this.#metadata.state.topics.get(directory.slice(0, at));
    const partition = Number(directory.slice(at + 1));
    return topic !== undefined && this.#metadata.isSoleElection(topic.id, partition, leaderEpoch);
  }
}
