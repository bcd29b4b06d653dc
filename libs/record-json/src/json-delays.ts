import { DELIVER_AT_HEADER, type RecordDelay } from '#protocol';
import type { ByteWriter } from './byte-writer.js';
import type { RecordFaultSink } from './json-headers.js';

/** Times of delivery of the records of one request: members `deliverAt` and `delayMs`. */
export class JsonDelays {
  /** Delayed records by their number in the request. */
  readonly byRecord = new Map<number, RecordDelay>();
  #current: RecordDelay = { deliverAtMs: 0, member: '' };
  readonly #sink: RecordFaultSink;
  readonly #nowMs: () => number;

  constructor(sink: RecordFaultSink, nowMs: () => number) {
    this.#sink = sink;
    this.#nowMs = nowMs;
  }

  /**
   * Takes a member of the current record.
   * @param isRelative true for `delayMs`
   * @param value NaN for a value that is not a whole number
   */
  take(isRelative: boolean, value: number): void {
    const member = isRelative ? '/delayMs' : '/deliverAt';
    const deliverAtMs = isRelative ? this.#nowMs() + value : value;
    this.#current = { deliverAtMs, member };
    if (value >= 0 && deliverAtMs <= Number.MAX_SAFE_INTEGER) return;
    this.#sink.recordFault(
      member,
      isRelative
        ? 'a delay is a whole number of milliseconds from 0 on'
        : 'a time of delivery is a whole number of milliseconds since 1970, from 0 to 2^53 - 1',
      'timestamp',
    );
  }

  /** Ends a delayed record: appends its header. */
  end(index: number, target: ByteWriter): void {
    this.byRecord.set(index, this.#current);
    target.appendSizedText(DELIVER_AT_HEADER);
    target.appendSizedText(String(this.#current.deliverAtMs));
  }

  /** Forgets all records but the first `count` ones. */
  goBackTo(count: number): void {
    for (const index of this.byRecord.keys()) if (index >= count) this.byRecord.delete(index);
  }
}
