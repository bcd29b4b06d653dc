import type { LeaderEpoch, Offset } from '#protocol';
import type { RenderedBatch } from '#record-json';

/** What a run of records says beside them. */
export interface RunSource {
  readonly topic: string;
  readonly partition: number;
  readonly highWatermark: Offset;
  readonly leaderEpoch: LeaderEpoch;
}

/** Forms of one run that are kept; a client that wants yet another one gets it made for itself. */
const FORMS_KEPT_MAX = 8;

/**
 * Consecutive records of a partition as JSON, which many readers are sent: rendered once, and made
 * into what goes over the wire (a WebSocket frame, events) once for each form it is wanted in.
 *
 * A run without records only moves a position on: over control batches, or what was compacted away.
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
   * @param from position of a reader that is to get it
   * @param nextOffset its position afterwards
   * @param first of the rendered records, the first that belongs to the run; `end`: the first
   *   after it
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

  /** What was rendered, for a reader at `position`, which it brings to `nextOffset`. */
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

  /** The records, separated by commas: what stands between the brackets of a list. */
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
    const at = this.#first + index;
    return this.#rendered.bytes.subarray(this.#endOf(at - 1) + 1, this.#endOf(at));
  }

  /** The first `recordsMax` records; the run itself where that is all. */
  firstPart(recordsMax: number): RecordRun {
    if (recordsMax >= this.count) return this;
    const end = this.#first + recordsMax;
    const nextOffset = recordsMax === 0 ? this.from : this.offsetAt(recordsMax - 1) + 1;
    return new RecordRun(this.source, this.from, nextOffset, this.#rendered, this.#first, end);
  }

  /** The run in parts of at most `bytesMax` of JSON each; one record always fits. */
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
   * The run in the form that `form` names, made by `encode` for the first who wants it. Hot: the
   * form of the last one who asked is at hand.
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
