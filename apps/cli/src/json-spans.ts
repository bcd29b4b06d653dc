/**
 * Places of the parts of JSON texts. A number that is parsed and printed again has lost the digits
 * that a double cannot hold, and its spelling: parts that users gave are printed as they stand.
 */

/** A part of a text. */
export interface Span {
  readonly start: number;
  /** Position after its last character. */
  readonly end: number;
}

const WHITE_SPACE = /[\t\n\r ]*/y;
const SCALAR_END = /[\t\n\r ,\]}]|$/g;
const QUOTE = 0x22;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/**
 * Returns the values of the members of an object, by name; of members with the same name the last
 * one counts, as in `JSON.parse`.
 * @param json valid JSON
 * @param at position of the opening brace, or of white space before it
 */
export function membersAt(json: string, at = 0): ReadonlyMap<string, Span> {
  const members = new Map<string, Span>();
  for (let start = firstIn(json, at); json[start] === '"'; ) {
    const nameEnd = endOfString(json, start);
    const value = spanAt(json, afterSpace(json, nameEnd) + 1);
    members.set(JSON.parse(json.slice(start, nameEnd)) as string, value);
    start = nextAfter(json, value);
  }
  return members;
}

/**
 * Returns the position of the value of the first member with a name, undefined if there is none. It
 * reads no further than that. The other parameters are those of `membersAt`.
 * @param name without characters that JSON escapes
 */
export function memberStart(json: string, name: string, at = 0): number | undefined {
  for (let start = firstIn(json, at); json[start] === '"'; ) {
    const nameEnd = endOfString(json, start);
    const value = afterSpace(json, afterSpace(json, nameEnd) + 1);
    if (json.slice(start + 1, nameEnd - 1) === name) return value;
    start = nextAfter(json, spanAt(json, value));
  }
  return undefined;
}

/** Returns the elements of an array. The parameters are those of `membersAt`. */
export function elementsAt(json: string, at = 0): Span[] {
  const elements: Span[] = [];
  for (let start = firstIn(json, at); json[start] !== ']'; ) {
    const element = spanAt(json, start);
    elements.push(element);
    start = json[element.end] === ']' ? element.end : nextAfter(json, element);
  }
  return elements;
}

/** Returns the text of a member of an object, undefined if it has none of that name. */
export function memberText(json: string, name: string): string | undefined {
  const span = membersAt(json).get(name);
  return span && json.slice(span.start, span.end);
}

/** Position of the first member or element, or of the closing bracket. */
function firstIn(json: string, at: number): number {
  return afterSpace(json, afterSpace(json, at) + 1);
}

/** Position after the comma behind a value, or of the closing bracket. */
function nextAfter(json: string, { end }: Span): number {
  const next = afterSpace(json, end);
  return json[next] === ',' ? afterSpace(json, next + 1) : next;
}

function spanAt(json: string, at: number): Span {
  const start = afterSpace(json, at);
  return { start, end: endOfValue(json, start) };
}

/** This is the hot path of messages of records: it reads the characters outside of strings. */
function endOfValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return endOfString(json, start);
  if (!isOpening(first)) return indexOf(SCALAR_END, json, start);
  let depth = 1;
  let end = start + 1;
  while (depth > 0 && end < json.length) {
    const character = json.charCodeAt(end);
    end = character === QUOTE ? endOfString(json, end) : end + 1;
    if (isOpening(character)) depth += 1;
    else if (character === CLOSING_BRACE || character === CLOSING_BRACKET) depth -= 1;
  }
  return end;
}

function isOpening(character: number): boolean {
  return character === OPENING_BRACE || character === OPENING_BRACKET;
}

/** @param start position of the opening quote */
function endOfString(json: string, start: number): number {
  for (let quote = json.indexOf('"', start + 1); ; quote = json.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (json[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
}

function afterSpace(json: string, at: number): number {
  WHITE_SPACE.lastIndex = at;
  WHITE_SPACE.test(json);
  return WHITE_SPACE.lastIndex;
}

function indexOf(pattern: RegExp, json: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(json)?.index ?? json.length;
}
