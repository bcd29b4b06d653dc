import { basename, dirname } from 'node:path';
import type { RecordBatch } from '#log';
import { recordsIn, wholeBatches } from './batches.js';
import type { MetadataRules } from './metadata-rules.js';
import type { DiskObserver } from './simulated-disk.js';
import type { Trace } from './trace.js';

/** CRC-32C, of all that a leader does not stamp. */
const CRC_AT = 17;

/**
 * Watches what brokers write into their logs: in one leader epoch there is one batch at an offset,
 * on whatever replica and whenever it was written, though it may be lost later (I3, I11).
 */
export class LogObservations {
  /** By directory, epoch and offset: the checksum, and who wrote it first, which is the leader. */
  readonly #batches = new Map<string, { readonly crc: number; readonly broker: number }>();

  /** By directory and epoch: who wrote what nobody had written before. */
  readonly #leaders = new Map<string, number>();
  /** Who has ever written a value into a log. */
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
        this.#trace.add(`broker ${broker}`, `cuts ${where} to ${sizeBytes} bytes`);
      },
    };
  }

  /** Whether a broker has ever written a value into one of its logs. */
  hasWritten(broker: number, value: string): boolean {
    return this.#writers.get(value)?.has(broker) === true;
  }

  #written(broker: number, directory: string, bytes: Buffer): void {
    for (const batch of wholeBatches(bytes)) {
      const { baseOffset, leaderEpoch } = batch;
      const values = recordsIn(batch).map(({ value }) => value);
      const what = `${directory}@${baseOffset} in epoch ${leaderEpoch}`;
      this.#trace.add(`broker ${broker}`, `writes ${what}: ${values.join(' ')}`);
      for (const value of values) this.#noteWriter(value, broker);
      const crc = batch.bytes.readUInt32BE(CRC_AT);
      const known = this.#batches.get(what);
      if (known === undefined) {
        this.#batches.set(what, { crc, broker });
        this.#checkLeader(broker, directory, batch);
      } else if (known.crc !== crc && this.#isSoleElection(directory, leaderEpoch)) {
        this.#violated(`I3, I11: brokers ${known.broker} and ${broker} wrote ${what} differently`);
      }
    }
  }

  /** A batch that nobody had before is its leader's: of those there is one in an epoch (I11). */
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

  #noteWriter(value: string | null, broker: number): void {
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
