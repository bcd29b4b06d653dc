/**
 * The positions of a stream as text: what an event's `id` says, and what `Last-Event-ID` brings
 * back.
 *
 *     0:12,1:7        the next offset to read of each partition, by partition
 *
 * To clients it is opaque. A partition that is not named was added after the id was sent.
 */
import type { Offset } from '#protocol';

/** Partitions of one stream: every event carries the positions of all. */
export const EVENT_PARTITIONS_MAX = 64;

/** The next offset to read of a partition. */
export interface EventPosition {
  readonly partition: number;
  readonly offset: Offset;
}

/** The text of an id around the offset of one partition. */
export interface IdFrame {
  readonly before: string;
  readonly after: string;
  /** Names the form of events that have this text around their offsets. */
  readonly form: string;
}

const POSITION = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,15})$/;

/** @returns undefined for what is no id of ours */
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

/** Where a stream stands in each of its partitions, kept as the text of an id. */
export class EventPositions {
  readonly #partitions: number[] = [];
  /** `partition:offset` of each. */
  readonly #texts: string[] = [];
  /** The last frame that was asked for: it holds while no other partition moves. */
  #frame: IdFrame | undefined;
  #framedAt = -1;

  get count(): number {
    return this.#partitions.length;
  }

  /** Takes in another partition, or sets the position of one that there is. */
  set(partition: number, offset: Offset): void {
    const at = this.#partitions.indexOf(partition);
    const text = `${partition}:${offset}`;
    if (at < 0) {
      this.#partitions.push(partition);
      this.#texts.push(text);
    } else {
      this.#texts[at] = text;
    }
    if (at !== this.#framedAt) this.#frame = undefined;
  }

  /** The id. */
  text(): string {
    return this.#texts.join(',');
  }

  /** What stands in the id before and after the offset of a partition of the stream. Hot. */
  frameOf(partition: number): IdFrame {
    const at = this.#partitions.indexOf(partition);
    if (this.#frame !== undefined && at === this.#framedAt) return this.#frame;
    const texts = this.#texts;
    let before = '';
    for (let index = 0; index < at; index += 1) before += `${texts[index]},`;
    let after = '';
    for (let index = at + 1; index < texts.length; index += 1) after += `,${texts[index]}`;
    before += `${partition}:`;
    this.#frame = { before, after, form: `events ${before}*${after}` };
    this.#framedAt = at;
    return this.#frame;
  }
}
