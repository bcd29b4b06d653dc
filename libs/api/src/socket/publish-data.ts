/**
 * The data of `publish`, read from the bytes of the message: the members of a produce request, some
 * of which are in the path, the query and the headers over HTTP. Values and keys stay in the
 * message's bytes.
 */
import type { Acks, RequestProducer } from '#broker';
import { FIELD_PARTITION, RECORD_STRIDE, type RecordSet } from '#protocol';
import {
  displayedNameAt,
  type JsonRecordParser,
  type LargeMemberSink,
  MemberNames,
  MINUS,
  memberPointer,
  NINE,
  parseLargeList,
  parseRecordList,
  QUOTE,
  quotedName,
  type RecordPlaces,
  readObject,
  readObjectInSlices,
  stringAt,
  textOf,
  ZERO,
} from '#record-json';
import type { SlicedWork } from '#runtime';
import { PRODUCE_TIMEOUT_MS_DEFAULT } from '../rest/limits.js';

const POINTER = '/data';
const RECORDS_POINTER = `${POINTER}/records`;
const PLACES: RecordPlaces = { list: RECORDS_POINTER, beside: {} };
const PLACES_WITH_PARTITION: RecordPlaces = {
  list: RECORDS_POINTER,
  beside: { '/partition': `${POINTER}/partition` },
};
/** Distinguishes the data from its records, which are numbered from 0. */
const DATA_OBJECT = -1;
/** A longer text is not a topic name, even if every character has an escape of six bytes. */
const TOPIC_BYTES_MAX = 2 + 6 * 249;
/** A longer text is not a producer token. */
const TOKEN_BYTES_MAX = 2 + 6 * 100;
/** A longer number is never accepted. */
const NUMBER_BYTES_MAX = 400;
const INT16_MAX = 2 ** 15 - 1;
const INT32_MAX = 2 ** 31 - 1;

const MEMBERS = [
  'topic',
  'records',
  'partition',
  'acks',
  'producerId',
  'producerEpoch',
  'producerSequence',
  'producerToken',
  'timeoutMs',
  'partitioner',
] as const;
type Member = (typeof MEMBERS)[number];
const NAMES = new MemberNames(MEMBERS);

/** Bounds of the members that are whole numbers. */
const NUMBERS: Readonly<Partial<Record<Member, { readonly min: number; readonly max: number }>>> = {
  partition: { min: 0, max: INT32_MAX },
  producerId: { min: 0, max: Number.MAX_SAFE_INTEGER },
  producerEpoch: { min: 0, max: INT16_MAX },
  producerSequence: { min: 0, max: INT32_MAX },
  timeoutMs: { min: 1, max: INT32_MAX },
};

const ACKS: Readonly<Record<string, Acks>> = {
  '"all"': 'all',
  '"1"': '1',
  '"0"': '0',
  '1': '1',
  '0': '0',
};

export class PublishData implements LargeMemberSink {
  topic = '';
  acks: Acks = 'all';
  timeoutMs = PRODUCE_TIMEOUT_MS_DEFAULT;
  partitioner: 'sticky' | 'roundrobin' = 'sticky';
  producer: RequestProducer | undefined;
  /** Proof that the id of the producer was issued to the caller. */
  producerToken: string | undefined;
  readonly #parser: JsonRecordParser;
  #seen = 0;
  #partition: number | undefined;
  #producerId: number | undefined;
  #producerEpoch: number | undefined;
  #producerSequence: number | undefined;

  /** @param parser reads the message; receives the records and all faults */
  constructor(parser: JsonRecordParser) {
    this.#parser = parser;
  }

  /** Locations of the members of the message's records. */
  get places(): RecordPlaces {
    return this.#partition === undefined ? PLACES : PLACES_WITH_PARTITION;
  }

  /** The records, after all of the data was read without faults. */
  records(): RecordSet {
    const records = this.#parser.recordSet();
    const partition = this.#partition;
    if (partition === undefined) return records;
    const fields = records.fields.slice();
    for (let at = FIELD_PARTITION; at < fields.length; at += RECORD_STRIDE) fields[at] = partition;
    return { ...records, fields };
  }

  /**
   * Reads the object at `position`; its faults are collected, not thrown.
   * @returns the position after it
   * @throws JsonSyntaxError
   */
  read(position: number): number {
    const end = readObject(this.#parser.scanner, position, NAMES, this);
    this.#checkWhole();
    return end;
  }

  /** Does the same as `read`, in slices. */
  *readInSlices(position: number): SlicedWork<number> {
    const end = yield* readObjectInSlices(this.#parser.scanner, position, NAMES, this);
    this.#checkWhole();
    return end;
  }

  /** Records are read in slices, all other members at once. */
  takeLargeMember(index: number, valueAt: number): SlicedWork<number> | undefined {
    if (MEMBERS[index] !== 'records' || this.#has('records')) return undefined;
    this.#seen |= 1 << index;
    return parseLargeList(this.#parser, valueAt, RECORDS_POINTER);
  }

  #checkWhole(): void {
    for (const name of ['topic', 'records'] as const) {
      if (!this.#has(name)) this.#fault(`/${name}`, 'is missing');
    }
    this.#joinProducer();
    this.#checkPartitions();
  }

  takeMember(index: number, nameAt: number, valueAt: number): number {
    const { scanner } = this.#parser;
    const member = MEMBERS[index];
    const isRepeated = member !== undefined && this.#has(member);
    if (member === undefined || isRepeated) {
      const name = displayedNameAt(scanner, nameAt);
      const fault = isRepeated ? 'repeated member' : 'unknown member';
      this.#fault(memberPointer('', name), `${fault} ${quotedName(name)}`);
      this.#parser.faults.countMember(DATA_OBJECT);
      return scanner.skipValue(valueAt);
    }
    this.#seen |= 1 << index;
    if (member === 'records') return parseRecordList(this.#parser, valueAt, RECORDS_POINTER);
    const end = scanner.skipValue(valueAt);
    this.#set(member, valueAt, end);
    return end;
  }

  #set(member: Exclude<Member, 'records'>, start: number, end: number): void {
    switch (member) {
      case 'topic':
        this.topic = this.#stringOf(start, TOPIC_BYTES_MAX) ?? this.#notTopic();
        break;
      case 'acks':
        this.acks = this.#choiceOf(member, ACKS, start, end) ?? 'all';
        break;
      case 'partitioner':
        this.partitioner = this.#choiceOf(member, PARTITIONERS, start, end) ?? 'sticky';
        break;
      case 'timeoutMs':
        this.timeoutMs = this.#numberOf(member, start, end) ?? PRODUCE_TIMEOUT_MS_DEFAULT;
        break;
      case 'partition':
        this.#partition = this.#numberOf(member, start, end);
        break;
      case 'producerId':
        this.#producerId = this.#numberOf(member, start, end);
        break;
      case 'producerEpoch':
        this.#producerEpoch = this.#numberOf(member, start, end);
        break;
      case 'producerSequence':
        this.#producerSequence = this.#numberOf(member, start, end);
        break;
      case 'producerToken':
        this.producerToken = this.#stringOf(start, TOKEN_BYTES_MAX) ?? this.#notToken();
    }
  }

  #stringOf(start: number, bytesMax: number): string | undefined {
    const { scanner } = this.#parser;
    const isShort = scanner.skipValue(start) - start <= bytesMax;
    return scanner.byteAt(start) === QUOTE && isShort ? stringAt(scanner, start) : undefined;
  }

  #notTopic(): string {
    this.#fault('/topic', 'must be the name of a topic, a string of at most 249 characters');
    return '';
  }

  #notToken(): undefined {
    this.#fault('/producerToken', 'must be the producerToken of POST /v1/producers, a string');
  }

  #choiceOf<T extends string>(
    member: Member,
    choices: Readonly<Record<string, T>>,
    start: number,
    end: number,
  ): T | undefined {
    const text = textOf(this.#parser.scanner, start, end);
    if (Object.hasOwn(choices, text)) return choices[text];
    const accepted = [...new Set(Object.values(choices))].map((each) => `"${each}"`).join(', ');
    this.#fault(`/${member}`, `must be one of ${accepted}`);
    return undefined;
  }

  #numberOf(member: Member, start: number, end: number): number | undefined {
    const { scanner } = this.#parser;
    const { min, max } = NUMBERS[member] ?? { min: 0, max: 0 };
    const first = scanner.byteAt(start);
    const isNumber = first === MINUS || (first >= ZERO && first <= NINE);
    const value =
      isNumber && end - start <= NUMBER_BYTES_MAX
        ? Number(textOf(scanner, start, end))
        : Number.NaN;
    // Adding 0 makes -0 a plain 0.
    if (Number.isInteger(value) && value >= min && value <= max) return value + 0;
    this.#fault(`/${member}`, `must be a whole number from ${min} to ${max}`);
    return undefined;
  }

  #joinProducer(): void {
    const names = ['producerId', 'producerEpoch', 'producerSequence'] as const;
    if (!names.some((name) => this.#has(name))) return;
    for (const name of names) {
      if (this.#has(name)) continue;
      this.#fault(
        `/${name}`,
        'is missing: producerId, producerEpoch and producerSequence go together',
      );
    }
    this.producer = {
      producerId: this.#producerId ?? 0,
      producerEpoch: this.#producerEpoch ?? 0,
      sequence: this.#producerSequence ?? 0,
    };
  }

  /** Checks that records with a partition name the one of the message, if it has one. */
  #checkPartitions(): void {
    const partition = this.#partition;
    if (partition === undefined || this.#parser.faults.count > 0) return;
    const { fields } = this.#parser.recordSet();
    for (let index = 0; index * RECORD_STRIDE < fields.length; index += 1) {
      const own = fields[index * RECORD_STRIDE + FIELD_PARTITION] as number;
      if (own < 0 || own === partition) continue;
      this.#fault(
        `/records/${index}/partition`,
        `is ${own}, but that of the message is ${partition}`,
      );
    }
  }

  #has(member: Member): boolean {
    return (this.#seen & (1 << MEMBERS.indexOf(member))) !== 0;
  }

  #fault(tail: string, detail: string): void {
    this.#parser.faults.add('shape', POINTER + tail, detail);
  }
}

const PARTITIONERS = { '"sticky"': 'sticky', '"roundrobin"': 'roundrobin' } as const;
