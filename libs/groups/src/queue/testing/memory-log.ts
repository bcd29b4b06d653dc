import { encodeRecordBatches, RecordBatch } from '#log';
import {
  DELIVER_AT_HEADER,
  type LeaderEpoch,
  type Offset,
  ProtocolError,
  type RecordSet,
} from '#protocol';

/** A record of a test: its key, and at most one header. */
export interface TestRecord {
  readonly key?: string;
  readonly header?: readonly [name: string, value: string];
}

/** A log of batches in memory. */
export class MemoryLog {
  logStartOffset = 0;
  highWatermark = 0;
  /** Number of reads so far. */
  reads = 0;
  /** Offsets below it cannot be read. */
  damagedTo = 0;
  /** Epoch of the batches that are appended. */
  leaderEpoch: LeaderEpoch = 0;
  readonly #batches: RecordBatch[] = [];

  /** Appends one batch; a number is the time of delivery of a record. */
  append(...records: readonly (number | TestRecord)[]): RecordBatch {
    const set = recordSetOf(
      records.map((one) =>
        typeof one === 'number' ? { header: [DELIVER_AT_HEADER, String(one)] as const } : one,
      ),
    );
    const { batches } = encodeRecordBatches([{ records: set, indexes: undefined }], {
      nowMs: 0,
      timestampType: 'CreateTime',
      batchSizeBytes: 1e9,
      maxBatchBytes: 1e9,
    });
    const bytes = batches[0] ?? Buffer.alloc(0);
    bytes.writeBigInt64BE(BigInt(this.highWatermark), 0);
    bytes.writeInt32BE(this.leaderEpoch, 12);
    const batch = new RecordBatch(bytes);
    this.#batches.push(batch);
    this.highWatermark = batch.nextOffset;
    return batch;
  }

  get logEndOffset(): Offset {
    return this.highWatermark;
  }

  epochAt(offset: Offset): LeaderEpoch | undefined {
    const batches = this.#batches.filter(({ baseOffset }) => baseOffset <= offset);
    return batches.at(-1)?.leaderEpoch;
  }

  /** Removes the batches from an offset on. */
  truncate(offset: Offset): void {
    while ((this.#batches.at(-1)?.lastOffset ?? -1) >= offset) this.#batches.pop();
    this.highWatermark = offset;
  }

  /** Makes a batch claim a compression that nobody can unpack. */
  pack(batchIndex: number): void {
    this.#batches[batchIndex]?.bytes.writeInt16BE(5, 21);
  }

  read(offset: Offset): Promise<readonly RecordBatch[]> {
    this.reads += 1;
    if (offset < this.damagedTo) {
      const members = { damagedStartOffset: offset, damagedEndOffset: this.damagedTo };
      return Promise.reject(new ProtocolError('CORRUPT_MESSAGE', 'damaged', { members }));
    }
    const from = this.#batches.filter((batch) => batch.lastOffset >= offset);
    return Promise.resolve(from.slice(0, 3));
  }
}

/** The records as a set; each has the value "v". */
function recordSetOf(records: readonly TestRecord[]): RecordSet {
  const source: Buffer[] = [Buffer.from('v')];
  const fields: number[] = [];
  let end = 1;
  const span = (bytes: Buffer | undefined): [number, number] => {
    if (bytes === undefined) return [-1, -1];
    source.push(bytes);
    end += bytes.length;
    return [end - bytes.length, end];
  };
  for (const { key, header } of records) {
    const [keyStart, keyEnd] = span(key === undefined ? undefined : Buffer.from(key));
    const sized = header?.map((text) => Buffer.from([text.length * 2, ...Buffer.from(text)]));
    const [start, stop] = span(sized === undefined ? Buffer.alloc(0) : Buffer.concat(sized));
    const headerCount = header === undefined ? 0 : 1;
    fields.push(0, 1, keyStart, keyEnd, start, stop, headerCount, 0, -1, -1);
  }
  return {
    source: Buffer.concat(source),
    decoded: new Uint8Array(0),
    count: records.length,
    fields,
  };
}
