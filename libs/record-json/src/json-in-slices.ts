import { joinedInSlices, type SlicedWork } from '#runtime';

/** Longer lists are written in slices. */
const ITEMS_AT_ONCE_MAX = 100;
/** Characters of JSON per slice. */
const SLICE_CHARACTERS = 128 * 1024;

/** Yields plain data as `JSON.stringify` writes it, followed by a newline. */
export function* jsonInSlices(value: unknown): SlicedWork<Buffer> {
  const pieces: Buffer[] = [];
  let text = '';
  for (const part of jsonParts(value)) {
    text += part;
    if (text.length < SLICE_CHARACTERS) continue;
    pieces.push(Buffer.from(text));
    text = '';
    yield;
  }
  pieces.push(Buffer.from(`${text}\n`));
  return yield* joinedInSlices(pieces);
}

function* jsonParts(value: unknown): Generator<string, void, void> {
  if (Array.isArray(value) && value.length > 0) {
    let before = '[';
    for (const item of value) {
      yield before;
      yield* hasLongList(item) ? jsonParts(item) : [JSON.stringify(item) ?? 'null'];
      before = ',';
    }
    yield ']';
  } else if (hasLongList(value)) {
    let before = '{';
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${before}${JSON.stringify(name)}:`;
      yield* jsonParts(member);
      before = ',';
    }
    yield '}';
  } else {
    yield JSON.stringify(value) ?? 'null';
  }
}

/** True if a member of the value is a list that should be written in slices. */
export function hasLongList(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).some((member) => {
    return Array.isArray(member) && member.length > ITEMS_AT_ONCE_MAX;
  });
}
