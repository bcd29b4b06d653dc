/**
 * Chunks of lines that are values as they stand: their bytes are sent as they are in the file, and
 * nothing is made for a single line.
 */
import { partitionForKey } from '#producer';
import { type Chunk, type ChunkOptions, type ChunkStart, RECORD_OVERHEAD_BYTES } from './chunks.js';
import { assertLineLength } from './lines.js';

export interface PlainChunkOptions extends ChunkOptions {
  /** Key of all lines. */
  readonly key: string | undefined;
  /** Partition of all lines; default: that of the key, or the chunk's index modulo the count. */
  readonly partition: number | undefined;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Divides the bytes of lines into chunks. Lines end as `linesOf` says; empty ones travel along and
 * are not records.
 * @throws LineError for a line that no record can be
 */
export async function* plainChunksOf(
  reads: AsyncIterable<Buffer>,
  start: ChunkStart,
  options: PlainChunkOptions,
): AsyncGenerator<Chunk> {
  const open = new OpenPlainChunk(start, options);
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const read of reads) {
    const end = read.lastIndexOf(LINE_FEED) + 1;
    if (end > 0) {
      const first = read.subarray(0, end);
      yield* open.chunksWith(restBytes === 0 ? first : Buffer.concat([...rest, first]));
      if (options.endsWithRead) yield* open.end();
      rest = [];
      restBytes = 0;
    }
    if (end === read.length) continue;
    rest.push(read.subarray(end));
    restBytes += read.length - end;
    assertLineLength(restBytes, open.line);
  }
  if (restBytes > 0) yield* open.chunksWith(Buffer.concat(rest));
  yield* open.end();
}

/** A chunk to which bytes of whole lines are added. */
class OpenPlainChunk {
  readonly #options: PlainChunkOptions;
  readonly #lineBytes: number;
  readonly #keyBytes: Buffer | undefined;
  #start: ChunkStart;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #count = 0;
  /** Bytes that its records take in a batch, about. */
  #batchBytes = 0;
  /** Number of the next line. */
  line: number;

  constructor(start: ChunkStart, options: PlainChunkOptions) {
    const { key } = options;
    this.#start = start;
    this.line = start.line;
    this.#options = options;
    this.#keyBytes = key === undefined ? undefined : Buffer.from(key);
    this.#lineBytes = RECORD_OVERHEAD_BYTES + (this.#keyBytes?.length ?? 0);
  }

  /** Adds whole lines, and yields the chunks that are full. */
  *chunksWith(lines: Buffer): Generator<Chunk> {
    const { recordsMax, bytesMax } = this.#options;
    let taken = 0;
    for (let from = 0; from < lines.length; ) {
      const feed = lines.indexOf(LINE_FEED, from);
      const end = feed < 0 ? lines.length : feed;
      const isEmpty = end === from || (end === from + 1 && lines[from] === CARRIAGE_RETURN);
      if (!isEmpty) {
        const sizeBytes = end - from + this.#lineBytes;
        const isFull = this.#count >= recordsMax || this.#batchBytes + sizeBytes > bytesMax;
        if (isFull && this.#count > 0) {
          this.#take(lines.subarray(taken, from));
          taken = from;
          yield* this.end();
        }
        this.#count += 1;
        this.#batchBytes += sizeBytes;
      }
      from = end + 1;
      this.line += 1;
    }
    this.#take(lines.subarray(taken));
  }

  /** Yields the chunk if it has a record, and begins the next one after it. */
  *end(): Generator<Chunk> {
    if (this.#count === 0) return;
    const { index, byte } = this.#start;
    const end = { index: index + 1, byte: byte + this.#bytes, line: this.line };
    const [first = Buffer.alloc(0)] = this.#pieces;
    const all = this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces);
    const part = { partition: this.#partition(), count: this.#count, lines: withoutReturn(all) };
    yield { start: this.#start, end, parts: [part] };
    this.#start = end;
    this.#pieces = [];
    this.#bytes = 0;
    this.#count = 0;
    this.#batchBytes = 0;
  }

  #take(lines: Buffer): void {
    if (lines.length === 0) return;
    this.#pieces.push(lines);
    this.#bytes += lines.length;
  }

  #partition(): number {
    const { partition, partitionCount } = this.#options;
    if (partition !== undefined) return partition;
    if (this.#keyBytes !== undefined) return partitionForKey(this.#keyBytes, partitionCount);
    return this.#start.index % partitionCount;
  }
}

/** A carriage return at the end of a file belongs to the ending of its last line. */
function withoutReturn(lines: Buffer): Buffer {
  return lines.at(-1) === CARRIAGE_RETURN ? lines.subarray(0, -1) : lines;
}
