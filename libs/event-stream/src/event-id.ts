/**
 * The positions of a stream as text: the `id` of its events and the value of `Last-Event-ID`.
 *
 *     0:12,1:7        the next offset to read of each partition, by partition
 *
 * Clients must treat it as opaque. A missing partition was added after the id was sent.
 */
import { EVENT_PARTITIONS_MAX } from '#api';
import type { Offset } from '#protocol';

/** The next offset to read of a partition. */
export interface EventPosition {
  readonly partition: number;
  readonly offset: Offset;
}

/** Text of an id before and after the offset of one partition. */
export interface IdFrame {
  readonly before: string;
  readonly after: string;
  /** Identifies events with the same text around their offsets. */
  readonly form: string;
}

const POSITION = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,15})$/;

/** @returns undefined if the text is not an event id */
export function tryParseEventId(text: string): readonly EventPosition[] | undefined {
  const parts = text.split(',', EVENT_PARTITIONS_MAX + 1);
  if (parts.length > EVENT_PARTITIONS_MAX) return undefined;
  const positions: EventPosition[] = [];
  const partitions = new Set<number>();
  for (const part of parts) {
    const match = POSITION.exec(part);
    if (match === null) return undefined;
    const partition = Number(match[1]);
    const offset = Number(match[2]);
    if (partitions.has(partition) || !Number.isSafeInteger(offset)) return undefined;
    partitions.add(partition);
    positions.push({ partition, offset });
  }
  return positions;
}

/** Positions of a stream in each of its partitions, kept as the text of an id. */
export class EventPositions {
  readonly #partitions: number[] = [];
  /** `partition:offset` of each partition. */
  readonly #texts: string[] = [];
  /** The last requested frame; it is valid until another partition moves. */
  #frame: IdFrame | undefined;
  #framedAt = -1;

  get count(): number {
    return this.#partitions.length;
  }

  /** Adds a partition, or sets the position of a known one. */
  set(partition: number, offset: Offset): void {
    const index = this.#partitions.indexOf(partition);
    const text = `${partition}:${offset}`;
    if (index < 0) {
      this.#partitions.push(partition);
      this.#texts.push(text);
    } else {
      this.#texts[index] = text;
    }
    if (index !== this.#framedAt) this.#frame = undefined;
  }

  /** Returns the id. */
  text(): string {
    return this.#texts.join(',');
  }

  /** Returns the text of the id before and after the offset of a partition. Hot. */
  frameOf(partition: number): IdFrame {
    const partitionIndex = this.#partitions.indexOf(partition);
    if (this.#frame !== undefined && partitionIndex === this.#framedAt) return this.#frame;
    const texts = this.#texts;
    let before = '';
    for (let index = 0; index < partitionIndex; index += 1) before += `${texts[index]},`;
    let after = '';
    for (let index = partitionIndex + 1; index < texts.length; index += 1)
      after += `,${texts[index]}`;
    before += `${partition}:`;
    this.#frame = { before, after, form: `events ${before}*${after}` };
    this.#framedAt = partitionIndex;
    return this.#frame;
  }
}
