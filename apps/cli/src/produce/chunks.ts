import { partitionForKey } from '#producer';
import type { Line } from './lines.js';
import type { RecordLines, RecordText } from './record-lines.js';

/** Records of one partition that are written by one request, as one batch. */
export type Part = {
  readonly partition: number;
} & (
  | { /** Each record as JSON text. */ readonly records: readonly string[] }
  | {
      /** Lines whose bytes are the values, and their number. */ readonly lines: Buffer;
      readonly count: number;
    }
);

/** Returns the number of records of a part. */
export function countOf(part: Part): number {
  return 'lines' in part ? part.count : part.records.length;
}

/** The place where a chunk begins. */
export interface ChunkStart {
  readonly index: number;
  readonly byte: number;
  readonly line: number;
}

/** Consecutive lines that are sent together, divided by partition. */
export interface Chunk {
  readonly start: ChunkStart;
  /** The place where the next chunk begins. */
  readonly end: ChunkStart;
  readonly parts: readonly Part[];
}

export interface ChunkOptions {
  readonly partitionCount: number;
  readonly recordsMax: number;
  /** Limit on the bytes of the lines, so that the broker accepts the batch of a partition. */
  readonly bytesMax: number;
  /** A chunk ends with each read, so that a line which a person types is sent at once. */
  readonly endsWithRead: boolean;
}

/**
 * Divides lines into chunks. The partition of records without a key is that of the chunk: its index
 * modulo the partition count.
 */
export async function* chunksOf(
  reads: AsyncIterable<readonly Line[]>,
  recordLines: RecordLines,
  start: ChunkStart,
  options: ChunkOptions,
): AsyncGenerator<Chunk> {
  let open = new OpenChunk(start, options);
  for await (const lines of reads) {
    for (const line of lines) {
      const record = recordLines.read(line);
      if (!open.fits(line)) {
        const chunk = open.chunk();
        yield chunk;
        open = new OpenChunk(chunk.end, options);
      }
      open.add(line, record);
    }
    if (!options.endsWithRead || open.isEmpty) continue;
    const chunk = open.chunk();
    yield chunk;
    open = new OpenChunk(chunk.end, options);
  }
  if (!open.isEmpty) yield open.chunk();
}

/** Approximate bytes that a record takes in a batch in addition to its key, value and headers. */
export const RECORD_OVERHEAD_BYTES = 16;

/** A chunk to which lines are added. */
class OpenChunk {
  readonly #start: ChunkStart;
  readonly #options: ChunkOptions;
  readonly #records = new Map<number, string[]>();
  #count = 0;
  #bytes = 0;
  #last: Line | undefined;

  constructor(start: ChunkStart, options: ChunkOptions) {
    this.#start = start;
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** One line always fits. */
  fits(line: Line): boolean {
    const { recordsMax, bytesMax } = this.#options;
    if (this.#count === 0) return true;
    return this.#count < recordsMax && this.#bytes + sizeOf(line) <= bytesMax;
  }

  add(line: Line, record: RecordText): void {
    const partition = this.#partitionOf(record);
    const texts = this.#records.get(partition);
    if (texts === undefined) this.#records.set(partition, [record.json]);
    else texts.push(record.json);
    this.#count += 1;
    this.#bytes += sizeOf(line);
    this.#last = line;
  }

  chunk(): Chunk {
    const { index, byte, line } = this.#start;
    const end = {
      index: index + 1,
      byte: this.#last?.endByte ?? byte,
      line: (this.#last?.number ?? line - 1) + 1,
    };
    const parts = [...this.#records].map(([partition, records]) => ({ partition, records }));
    return { start: this.#start, end, parts };
  }

  #partitionOf({ partition, keyBytes }: RecordText): number {
    const { partitionCount } = this.#options;
    if (partition !== undefined) return partition;
    if (keyBytes !== null) return partitionForKey(keyBytes, partitionCount);
    return this.#start.index % partitionCount;
  }
}

function sizeOf(line: Line): number {
  return line.bytes.length + RECORD_OVERHEAD_BYTES;
}
