// JSON text as it was sent: JSON.parse would change numbers, repeated members and the order of some
// names.

const WHITE_SPACE = /[ \t\n\r]*/y;
const SCALAR = /[^,\]}\s]+/y;

/**
 * Stores the text of each record's key and value, as `keyText` and `valueText`.
 * @param records of the event `records`, parsed
 * @param frame the text that they were parsed from
 */
export function storeTexts(records, frame) {
  const { data } = membersAt(frame, skipWhiteSpace(frame, 0));
  const elements = elementsAt(frame, membersAt(frame, data.start).records.start);
  for (const [index, { start }] of elements.entries()) {
    const { key, value } = membersAt(frame, start);
    if (key !== undefined) records[index].keyText = frame.slice(key.start, key.end);
    if (value !== undefined) records[index].valueText = frame.slice(value.start, value.end);
  }
}

/**
 * Formats JSON with line breaks and indentation; every other character stays unchanged.
 * @param charactersMax the result ends soon after this number of characters
 */
export function indented(text, charactersMax) {
  let result = '';
  let depth = 0;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (let at = skipWhiteSpace(text, 0); at < text.length && result.length < charactersMax; ) {
    const character = text[at];
    let end = at + 1;
    if (character === '{' || character === '[') {
      const next = skipWhiteSpace(text, end);
      const isEmpty = text[next] === '}' || text[next] === ']';
      if (!isEmpty) depth += 1;
      result += isEmpty ? character + text[next] : character + newLine();
      if (isEmpty) end = next + 1;
    } else if (character === '}' || character === ']') {
      depth -= 1;
      result += newLine() + character;
    } else if (character === ',') {
      result += `,${newLine()}`;
    } else if (character === ':') {
      result += ': ';
    } else {
      end = valueEnd(text, at);
      result += text.slice(at, end);
    }
    at = skipWhiteSpace(text, end);
  }
  return result;
}

/** Returns the positions {start, end} of an object's members by name; a repeated name has its last. */
function membersAt(text, start) {
  const members = {};
  let at = skipWhiteSpace(text, start + 1);
  while (text[at] === '"') {
    const nameEnd = valueEnd(text, at);
    const name = JSON.parse(text.slice(at, nameEnd));
    const valueStart = skipWhiteSpace(text, skipWhiteSpace(text, nameEnd) + 1);
    const end = valueEnd(text, valueStart);
    members[name] = { start: valueStart, end };
    at = afterComma(text, end);
  }
  return members;
}

/** Returns the positions {start, end} of an array's elements. */
function elementsAt(text, start) {
  const elements = [];
  let at = skipWhiteSpace(text, start + 1);
  while (text[at] !== ']') {
    const end = valueEnd(text, at);
    elements.push({ start: at, end });
    at = afterComma(text, end);
  }
  return elements;
}

function afterComma(text, end) {
  const at = skipWhiteSpace(text, end);
  return text[at] === ',' ? skipWhiteSpace(text, at + 1) : at;
}

/** Returns the end of the value that begins at `start`, in valid JSON. */
function valueEnd(text, start) {
  const first = text[start];
  if (first === '"') return stringEnd(text, start);
  if (first !== '{' && first !== '[') return matchEnd(SCALAR, text, start);
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const character = text[at];
    if (character === '"') {
      at = stringEnd(text, at);
      continue;
    }
    at += 1;
    if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}

function stringEnd(text, start) {
  for (let at = start + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}

function skipWhiteSpace(text, start) {
  return matchEnd(WHITE_SPACE, text, start);
}

function matchEnd(pattern, text, start) {
  pattern.lastIndex = start;
  pattern.test(text);
  return Math.max(pattern.lastIndex, start);
}
