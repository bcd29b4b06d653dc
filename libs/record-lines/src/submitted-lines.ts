import type { ProduceResult } from '#broker';
import type { ProtocolError, RecordSet } from '#protocol';
import {
  errorOfRecord,
  type LineBlock,
  type RecordLines,
  type RecordPlaces,
  recordSetBytes,
} from '#record-json';
import { checkLines, type LineTarget } from './line-checks.js';

/** Memory of a refused line until it is answered: its error with its texts. */
const FAULT_MEMORY_BYTES = 512;

/** Lines of a stream that go to the broker together, and what became of each. */
export class SubmittedLines {
  /** Records that no check has refused. */
  readonly records: RecordSet;
  /** Number of the line of each record. */
  readonly lines: readonly number[];
  /** Numbers of all lines, including those without a record. */
  readonly allLines: readonly number[];
  /** Time of arrival, wall clock in ms. */
  readonly receivedMs: number;
  /** Memory of the lines until they are answered. */
  readonly sizeBytes: number;
  /** Errors, by line. */
  readonly faults: Map<number, ProtocolError>;
  /** Partition of each record. */
  readonly partitions: number[] = [];
  /** Offset of each record; null with acks=0. */
  readonly offsets: (number | null)[] = [];
  readonly #places: RecordPlaces;
  #isSettled: boolean;

  /** @param parsed the records of the block's lines, and the lines that have none */
  constructor(block: LineBlock, { failures, ...parsed }: RecordLines, target: LineTarget) {
    this.faults = new Map(failures.map(({ line, error }) => [line, error]));
    const { records, lines } = checkLines(parsed, target, this.faults);
    this.records = records;
    this.lines = lines;
    this.allLines = block.lines;
    this.receivedMs = target.receivedMs;
    this.#places = target.places;
    this.sizeBytes =
      bytesOf(block) + recordSetBytes(parsed.records) + failures.length * FAULT_MEMORY_BYTES;
    this.#isSettled = records.count === 0;
  }

  /** True when the outcome of every line is known. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Records the broker's answer; some of its parts may be errors. */
  succeed({ parts }: ProduceResult): void {
    for (const part of parts) {
      const count = part.indexes?.length ?? this.records.count;
      for (let k = 0; k < count; k += 1) {
        const index = part.indexes === undefined ? k : (part.indexes[k] as number);
        if (part.error === undefined) {
          this.partitions[index] = part.partition;
          this.offsets[index] = part.baseOffset === null ? null : part.baseOffset + k;
        } else {
          this.faults.set(this.lines[index] as number, part.error);
        }
      }
    }
    this.#isSettled = true;
  }

  /** Records an error of the whole request at each of its lines. */
  fail(error: ProtocolError): void {
    this.lines.forEach((line, index) => {
      this.faults.set(line, errorOfRecord(error, index, this.#places));
    });
    this.#isSettled = true;
  }
}

/** Returns the bytes from the first line of a block to its last. */
function bytesOf({ starts, ends }: LineBlock): number {
  const first = starts.find((start) => start >= 0) ?? 0;
  const last = ends.findLast((end) => end >= 0) ?? 0;
  return last - first;
}
