/**
 * The positions of a stream as text: the `id` of its events and the value of `Last-Event-ID`.
 *
 *     0:12:4,1:7:4;3f2a9c1e
 *
 * For each partition it has the next offset to read, and the leader epoch in which the records
 * before it were read, which reveals a truncation (KIP-320). After the semicolon are the first
 * digits of the topic's id, which reveal that the topic was deleted and created again. Clients must
 * treat it as opaque; epochs and digits may be missing. A missing partition was added after the id
 * was sent.
 */
import { EVENT_PARTITIONS_MAX } from '#api';
import type { LeaderEpoch, Offset } from '#protocol';

/** The position of a stream in one of its partitions. */
export interface EventPosition {
  readonly partition: number;
  /** The next offset to read. */
  readonly offset: Offset;
  /** Leader epoch in which the records before the offset were read. */
  readonly leaderEpoch?: LeaderEpoch;
}

/** The parts of an event id. */
export interface EventId {
  readonly positions: readonly EventPosition[];
  /** First digits of the topic's id. */
  readonly topicDigits?: string;
}

/** Text of an id before and after the offset of one partition. */
export interface IdFrame {
  readonly before: string;
  readonly after: string;
  /** Identifies events with the same text around their offsets. */
  readonly form: string;
}

const POSITION = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,15})(?::(0|[1-9]\d{0,9}))?$/;
const TOPIC_DIGITS = /^(.*);([0-9a-f]{8})$/;
const TOPIC_DIGITS_COUNT = 8;

/** The digits of a topic's id that an event id has. */
export function topicDigitsOf(topicId: string): string {
  return topicId.slice(0, TOPIC_DIGITS_COUNT);
}

/** @returns undefined if the text is not an event id */
export function tryParseEventId(text: string): EventId | undefined {
  const [, positionsText = text, topicDigits] = TOPIC_DIGITS.exec(text) ?? [];
  const parts = positionsText.split(',', EVENT_PARTITIONS_MAX + 1);
  if (parts.length > EVENT_PARTITIONS_MAX) return undefined;
  const positions: EventPosition[] = [];
  const partitions = new Set<number>();
  for (const part of parts) {
    const position = tryParsePosition(part);
    if (position === undefined || partitions.has(position.partition)) return undefined;
    partitions.add(position.partition);
    positions.push(position);
  }
  return topicDigits === undefined ? { positions } : { positions, topicDigits };
}

function tryParsePosition(text: string): EventPosition | undefined {
  const match = POSITION.exec(text);
  if (match === null) return undefined;
  const position = { partition: Number(match[1]), offset: Number(match[2]) };
  if (!Number.isSafeInteger(position.offset)) return undefined;
  return match[3] === undefined ? position : { ...position, leaderEpoch: Number(match[3]) };
}

/** Positions of a stream in each of its partitions, kept as the text of an id. */
export class EventPositions {
  readonly #partitions: number[] = [];
  /** The part of the id of each partition. */
  readonly #texts: string[] = [];
  /** The end of the id, which names the topic. */
  readonly #topicText: string;
  /** The last requested frame; it is valid until another partition moves. */
  #frame: IdFrame | undefined;
  #framedAt = -1;
  #framedEpoch: LeaderEpoch | undefined;

  /** @param topicId undefined if the topic was deleted meanwhile */
  constructor(topicId: string | undefined) {
    this.#topicText = topicId === undefined ? '' : `;${topicDigitsOf(topicId)}`;
  }

  get count(): number {
    return this.#partitions.length;
  }

  /** Adds a partition, or sets the position of a known one. */
  set({ partition, offset, leaderEpoch }: EventPosition): void {
    const index = this.#partitions.indexOf(partition);
    const text = `${partition}:${offset}${epochText(leaderEpoch)}`;
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
    return this.#texts.join(',') + this.#topicText;
  }

  /**
   * Returns the text of the id before and after the offset of a partition. Hot.
   * @param leaderEpoch leader epoch in which the records before that offset were read
   */
  frameOf(partition: number, leaderEpoch: LeaderEpoch): IdFrame {
    const partitionIndex = this.#partitions.indexOf(partition);
    const isFramed = partitionIndex === this.#framedAt && leaderEpoch === this.#framedEpoch;
    if (this.#frame !== undefined && isFramed) return this.#frame;
    const texts = this.#texts;
    let before = '';
    for (let index = 0; index < partitionIndex; index += 1) before += `${texts[index]},`;
    let after = epochText(leaderEpoch);
    for (let index = partitionIndex + 1; index < texts.length; index += 1)
      after += `,${texts[index]}`;
    before += `${partition}:`;
    after += this.#topicText;
    this.#frame = { before, after, form: `events ${before}*${after}` };
    this.#framedAt = partitionIndex;
    this.#framedEpoch = leaderEpoch;
    return this.#frame;
  }
}

function epochText(leaderEpoch: LeaderEpoch | undefined): string {
  return leaderEpoch === undefined ? '' : `:${leaderEpoch}`;
}
