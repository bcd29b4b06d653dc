import type { LeaderEpoch, Offset } from '#protocol';
import type { RenderedBatch } from '#record-json';

/** Values that all records of a run share. */
export interface RunSource {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/** Forms kept per run; further forms are encoded for each client that asks. */
const FORMS_KEPT_MAX = 8;

/**
 * Consecutive records of a partition as JSON for many readers: rendered once, and encoded once for
 * each form on the wire (a WebSocket frame, events).
 *
 * A run without records only advances a position: over control batches, or over offsets that
 * compaction removed.
 */
export class RecordRun {
  readonly count: number;
  /** Size of the JSON between the brackets of a list. */
  readonly sizeBytes: number;
  readonly #rendered: RenderedBatch;
  readonly #first: number;
  readonly #end: number;
  #form: string | undefined;
  #formBytes: Buffer | undefined;
  #otherForms: Map<string, Buffer> | undefined;

  /**
   * @param from position of the reader that receives the run
   * @param nextOffset position of that reader afterwards
   * @param first index of the run's first record in `rendered`; `end` is the index after its last
   */
  private constructor(
    readonly source: RunSource,
    readonly from: Offset,
    readonly nextOffset: Offset,
    rendered: RenderedBatch,
    first: number,
    end: number,
  ) {
    this.#rendered = rendered;
    this.#first = first;
    this.#end = end;
    this.count = end - first;
    this.sizeBytes = this.count === 0 ? 0 : this.#endOf(end - 1) - this.#endOf(first - 1) - 1;
  }

  /**
   * Creates a run from rendered records for a reader at `position`; it advances to `nextOffset`.
   */
  static of(
    source: RunSource,
    position: Offset,
    nextOffset: Offset,
    rendered: RenderedBatch,
  ): RecordRun {
    const { offsets } = rendered;
    let first = 0;
    while (first < offsets.length && (offsets[first] as Offset) < position) first += 1;
    return new RecordRun(source, position, nextOffset, rendered, first, offsets.length);
  }

  /** Returns the records separated by commas: the inside of a JSON list. */
  json(): Buffer {
    return this.#rendered.bytes.subarray(
      this.#endOf(this.#first - 1) + (this.count === 0 ? 0 : 1),
      this.#endOf(this.#end - 1),
    );
  }

  offsetAt(index: number): Offset {
    return this.#rendered.offsets[this.#first + index] as Offset;
  }

  /** The JSON of one record. */
  jsonAt(index: number): Buffer {
    const recordIndex = this.#first + index;
    return this.#rendered.bytes.subarray(
      this.#endOf(recordIndex - 1) + 1,
      this.#endOf(recordIndex),
    );
  }

  /** Returns a run of the first `recordsMax` records; this run when it has no more. */
  firstPart(recordsMax: number): RecordRun {
    if (recordsMax >= this.count) return this;
    const end = this.#first + recordsMax;
    const nextOffset = recordsMax === 0 ? this.from : this.offsetAt(recordsMax - 1) + 1;
    return new RecordRun(this.source, this.from, nextOffset, this.#rendered, this.#first, end);
  }

  /** Splits the run into parts of at most `bytesMax` of JSON; one record always fits. */
  split(bytesMax: number): readonly RecordRun[] {
    if (this.sizeBytes <= bytesMax) return [this];
    const parts: RecordRun[] = [];
    let { from } = this;
    for (let first = this.#first; first < this.#end; ) {
      const begin = this.#endOf(first - 1) + 1;
      let end = first + 1;
      while (end < this.#end && this.#endOf(end) - begin <= bytesMax) end += 1;
      const isLast = end === this.#end;
      const nextOffset = isLast ? this.nextOffset : this.offsetAt(end - 1 - this.#first) + 1;
      parts.push(new RecordRun(this.source, from, nextOffset, this.#rendered, first, end));
      from = nextOffset;
      first = end;
    }
    return parts;
  }

  /**
   * Returns the run in the form that `form` names; `encode` makes it on first use. Hot: the form
   * used last is checked first.
   */
  encoded(form: string, encode: (run: RecordRun) => Buffer): Buffer {
    if (form === this.#form && this.#formBytes !== undefined) return this.#formBytes;
    const bytes = this.#otherForms?.get(form) ?? encode(this);
    this.#otherForms ??= new Map();
    if (this.#otherForms.size < FORMS_KEPT_MAX) {
      this.#otherForms.set(form, bytes);
      this.#form = form;
      this.#formBytes = bytes;
    }
    return bytes;
  }

  #endOf(index: number): number {
    return index < 0 ? 0 : (this.#rendered.ends[index] as number);
  }
}
