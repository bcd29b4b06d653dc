/**
 * What is wrong with the records of a request: every fault is counted, the first ones are listed
 * with their places.
 */
import { type ErrorCode, type Fault, ProtocolError } from '#protocol';
import { JsonSyntaxError } from './json-scanner.js';

/** Kinds of faults: the code of the whole answer is that of the first kind there is. */
const CODES = {
  shape: 'INVALID_REQUEST',
  count: 'REQUEST_TOO_LARGE',
  record: 'INVALID_RECORD',
  timestamp: 'INVALID_TIMESTAMP',
} as const satisfies Record<string, ErrorCode>;
export type FaultKind = keyof typeof CODES;
const KINDS = Object.keys(CODES) as FaultKind[];

/** Faults that are listed; the others are counted only. */
const FAULTS_LISTED_MAX = 20;

/** A longer member name is not put into pointers and sentences whole. */
const NAME_LENGTH_MAX = 100;

export class RecordFaults {
  count = 0;
  private readonly listed: Fault[] = [];
  private kind: FaultKind = 'timestamp';

  /** @param pointer RFC 6901, from the root of the body */
  add(kind: FaultKind, pointer: string, detail: string): void {
    this.count++;
    if (KINDS.indexOf(kind) < KINDS.indexOf(this.kind)) this.kind = kind;
    if (this.listed.length < FAULTS_LISTED_MAX) this.listed.push({ pointer, detail });
  }

  /**
   * The error that carries the faults; `errorCount` says how many there are when not all are
   * listed.
   */
  toError(): ProtocolError {
    const { pointer, detail } = this.listed[0] ?? { pointer: '', detail: 'not acceptable' };
    const sentence = pointer === '' ? capitalised(detail) : `${pointer}: ${detail}`;
    const others = this.count > 1 ? ` (the first of ${this.count} faults)` : '';
    return new ProtocolError(CODES[this.kind], `${sentence}${others}.`, {
      faults: this.listed,
      ...(this.count > this.listed.length ? { members: { errorCount: this.count } } : {}),
    });
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
