/**
 * What is wrong with the records of a request: every fault is counted, the first ones are listed
 * with their places.
 */
import { type ErrorCode, FaultList, ProtocolError } from '#protocol';
import { JsonSyntaxError } from './json-syntax-error.js';

/** Kinds of faults: the code of the whole answer is that of the first kind there is. */
const CODES = {
  shape: 'INVALID_REQUEST',
  count: 'REQUEST_TOO_LARGE',
  record: 'INVALID_RECORD',
  size: 'MESSAGE_TOO_LARGE',
  timestamp: 'INVALID_TIMESTAMP',
} as const satisfies Record<string, ErrorCode>;
export type FaultKind = keyof typeof CODES;
const KINDS = Object.keys(CODES) as FaultKind[];

/** The setting of `faultyMembersMax`. */
const MEMBERS_BOUND = 'SLUICE_BODY_MEMBERS_MAX';

/** A longer member name is not put into pointers and sentences whole. */
const NAME_LENGTH_MAX = 100;

/** A state of the faults to go back to. */
export interface FaultMark {
  readonly count: number;
  readonly kind: FaultKind;
}

export class RecordFaults {
  /** The setting whose bound the records exceed, where one does. */
  exceeded: string | undefined;
  readonly #list = new FaultList();
  readonly #faultyMembersMax: number;
  #kind: FaultKind = 'timestamp';
  /** The object that the last faulty member is of, and how many it has. */
  #object = Number.NaN;
  #faultyMembers = 0;

  /** @param faultyMembersMax unknown and repeated members that one object may have */
  constructor(faultyMembersMax: number) {
    this.#faultyMembersMax = faultyMembersMax;
  }

  get count(): number {
    return this.#list.count;
  }

  /** True when further faults are counted only: no pointer and no sentence is needed for them. */
  get isFull(): boolean {
    return this.#list.isFull;
  }

  /** @param pointer RFC 6901, from the root of the body */
  add(kind: FaultKind, pointer: string, detail: string): void {
    this.#takeKind(kind);
    this.#list.add(pointer, detail);
  }

  /** Counts a fault that is not described. */
  countOne(kind: FaultKind): void {
    this.#takeKind(kind);
    this.#list.countOne();
  }

  /**
   * Counts an unknown or repeated member.
   * @param object a number that tells its object from all others
   * @throws ProtocolError with the faults so far, where the object has too many: nothing more is
   *   read
   */
  countMember(object: number): void {
    if (object !== this.#object) {
      this.#object = object;
      this.#faultyMembers = 0;
    }
    this.#faultyMembers += 1;
    if (this.#faultyMembers > this.#faultyMembersMax) throw this.toError(MEMBERS_BOUND);
  }

  /** What `rewind` goes back to. */
  mark(): FaultMark {
    return { count: this.#list.count, kind: this.#kind };
  }

  /** Forgets the faults since the mark. */
  rewind({ count, kind }: FaultMark): void {
    this.#list.truncate(count);
    this.#kind = kind;
    this.#object = Number.NaN;
  }

  /**
   * The error that carries the faults.
   * @param bound the setting whose bound ended the reading
   */
  toError(bound?: string): ProtocolError {
    const { count, described } = this.#list;
    const { pointer, detail } = described[0] ?? { pointer: '', detail: 'not acceptable' };
    const sentence = pointer === '' ? capitalised(detail) : `${pointer}: ${detail}`;
    const others = count > 1 ? ` (the first of ${count} faults)` : '';
    const ending =
      bound === undefined
        ? ''
        : `; with as many unknown or repeated members as ${bound} reading ends`;
    const exceeded = bound ?? this.exceeded;
    return new ProtocolError(CODES[this.#kind], `${sentence}${others}${ending}.`, {
      ...this.#list.asOptions,
      ...(exceeded === undefined ? {} : { bound: exceeded }),
    });
  }

  #takeKind(kind: FaultKind): void {
    if (KINDS.indexOf(kind) < KINDS.indexOf(this.#kind)) this.#kind = kind;
  }
}

/**
 * The error for a text that is not JSON, with the place as members `position` (bytes), `line` and
 * `column`. Any other error is passed through.
 * @param subject begins the sentence: "The body"
 */
export function syntaxProblem(error: unknown, subject: string): unknown {
  if (!(error instanceof JsonSyntaxError)) return error;
  const { position, line, column } = error;
  return new ProtocolError('INVALID_REQUEST', `${subject} is not valid JSON: ${error.message}.`, {
    cause: error,
    members: { position, line, column },
  });
}

/**
 * `parent` with the member `name` appended; a very long name is left out: the parent is pointed at.
 */
export function memberPointer(parent: string, name: string): string {
  if (name.length > NAME_LENGTH_MAX) return parent;
  return `${parent}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** A member's name for a sentence, in quotes. */
export function quotedName(name: string): string {
  const shown = name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}...` : name;
  return JSON.stringify(shown);
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
