/**
 * Faults of the records of a request: every fault is counted, and the first ones are listed with
 * their pointers.
 */
import { type ErrorCode, FaultList, ProtocolError } from '#protocol';
import { JsonSyntaxError } from './json-syntax-error.js';

/** Kinds of faults, by precedence: the code of the answer is that of the first kind that occurs. */
const CODES = {
  shape: 'INVALID_REQUEST',
  count: 'REQUEST_TOO_LARGE',
  record: 'INVALID_RECORD',
  size: 'MESSAGE_TOO_LARGE',
  timestamp: 'INVALID_TIMESTAMP',
} as const satisfies Record<string, ErrorCode>;
export type FaultKind = keyof typeof CODES;
const KINDS = Object.keys(CODES) as FaultKind[];

/** Name of the setting behind `faultyMembersMax`. */
const MEMBERS_BOUND = 'SLUICE_BODY_MEMBERS_MAX';

/** Longest member name that pointers and sentences have in full. */
const NAME_LENGTH_MAX = 100;

/** State of the faults to go back to. */
export interface FaultMark {
  readonly count: number;
  readonly kind: FaultKind;
}

export class RecordFaults {
  /** The setting whose bound the records exceed, if any. */
  exceeded: string | undefined;
  readonly #list = new FaultList();
  readonly #faultyMembersMax: number;
  #kind: FaultKind = 'timestamp';
  /** The object of the last faulty member, and its number of faulty members. */
  #object = Number.NaN;
  #faultyMembers = 0;

  /** @param faultyMembersMax unknown and repeated members that one object may have */
  constructor(faultyMembersMax: number) {
    this.#faultyMembersMax = faultyMembersMax;
  }

  get count(): number {
    return this.#list.count;
  }

  /** True when further faults are only counted: they need no pointer and no sentence. */
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
   * @param object a number that distinguishes its object from all others
   * @throws ProtocolError with the faults so far, when the object has too many: reading ends
   */
  countMember(object: number): void {
    if (object !== this.#object) {
      this.#object = object;
      this.#faultyMembers = 0;
    }
    this.#faultyMembers += 1;
    if (this.#faultyMembers > this.#faultyMembersMax) throw this.toError(MEMBERS_BOUND);
  }

  /** Returns the state for `rewind`. */
  mark(): FaultMark {
    return { count: this.#list.count, kind: this.#kind };
  }

  /** Discards the faults since the mark. */
  rewind({ count, kind }: FaultMark): void {
    this.#list.truncate(count);
    this.#kind = kind;
    this.#object = Number.NaN;
  }

  /**
   * Creates the error with the faults.
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
 * Creates the error of a text that is not JSON, with the position as members `position` (bytes),
 * `line` and `column`, and a fault of the whole text. Any other error is returned unchanged.
 * @param subject begins the sentence: "The body"
 */
export function syntaxProblem(error: unknown, subject: string): unknown {
  if (!(error instanceof JsonSyntaxError)) return error;
  const { position, line, column } = error;
  const detail = `is not valid JSON: ${error.message}`;
  return new ProtocolError('INVALID_REQUEST', `${subject} ${detail}.`, {
    cause: error,
    members: { position, line, column },
    faults: [{ pointer: '', detail }],
  });
}

/**
 * Appends the member `name` to `parent`; a very long name is left out, so that the pointer is to
 * the parent.
 */
export function memberPointer(parent: string, name: string): string {
  if (name.length > NAME_LENGTH_MAX) return parent;
  return `${parent}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Quotes a member's name for a sentence. */
export function quotedName(name: string): string {
  const shown = name.length > NAME_LENGTH_MAX ? `${name.slice(0, NAME_LENGTH_MAX)}...` : name;
  return JSON.stringify(shown);
}

function capitalised(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
