// The table of records. The content of records becomes text nodes, never markup.

import { indented } from './json-text.js';

/** Rows in the document; older records are dropped from the page, not from the log. */
export const ROWS_MAX = 200;
/** Only smaller groups of records are animated, because many at once would flicker. */
const ARRIVALS_MAX = 30;
const SUMMARY_CHARACTERS_MAX = 300;
const DETAIL_CHARACTERS_MAX = 200_000;
const HUES = 12;

// Creating a formatter costs far more than using it.
const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
  hourCycle: 'h23',
});
const DAY = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });

export class RecordTable {
  #body;

  /** @param body the tbody */
  constructor(body) {
    this.#body = body;
  }

  /** @param records in the order of their arrival; the newest is shown first */
  add(records) {
    const rows = records.slice(-ROWS_MAX).map(rowOf).toReversed();
    if (rows.length < ARRIVALS_MAX) for (const row of rows) row.className = 'arrival';
    const kept = [...this.#body.rows].slice(0, ROWS_MAX - rows.length);
    if (kept.length === 0) {
      this.#body.replaceChildren(...rows);
      return;
    }
    while (this.#body.rows.length > kept.length) this.#body.lastElementChild.remove();
    this.#body.prepend(...rows);
  }

  clear() {
    this.#body.replaceChildren();
  }
}

function rowOf(record) {
  const row = element('tr', { role: 'row' });
  const { partition, offset } = record;
  const partitionCell = element('td', { className: 'partition', role: 'cell' }, String(partition));
  partitionCell.style.setProperty('--partition-hue', partitionHue(partition));
  row.append(
    partitionCell,
    element('td', { className: 'offset', role: 'cell' }, String(offset)),
    element('td', { className: 'time', role: 'cell' }, timeOf(record.timestamp)),
    element('td', { className: 'key', role: 'cell' }, keyOf(record)),
    element('td', { className: 'value', role: 'cell' }, valueOf(record)),
  );
  return row;
}

/** Returns the hue of a partition's mark, in degrees as text. */
export function partitionHue(partition) {
  const hue = ((partition % HUES) * 5 * 360) / HUES + 190;
  return String(hue % 360);
}

function timeOf(timestamp) {
  if (timestamp === null) return element('span', { className: 'none' }, 'none');
  const date = new Date(timestamp);
  const isToday = date.toDateString() === new Date().toDateString();
  const clock = CLOCK.format(date);
  const day = DAY.format(date);
  const iso = date.toISOString();
  return element('time', { dateTime: iso, title: iso }, isToday ? clock : `${day} ${clock}`);
}

function keyOf({ key, keyText, keyBase64 }) {
  if (keyBase64 !== undefined) return taggedText('base64', keyBase64);
  if (key === null) return element('span', { className: 'none' }, '–');
  const text = typeof key === 'string' ? key : keyText;
  return element('span', { title: text }, text);
}

/** One line, which expands to the whole value. */
function valueOf(record) {
  const details = element('details');
  const summary = element('summary');
  if (record.valueBase64 !== undefined) summary.append(taggedText('base64', record.valueBase64));
  else if (record.value === null) summary.append(taggedText('tombstone', 'null'));
  else summary.append(shortened(sentText(record), SUMMARY_CHARACTERS_MAX));
  details.append(summary);
  details.addEventListener('toggle', () => details.append(...detailOf(record)), { once: true });
  return details;
}

function detailOf(record) {
  const { headers } = record;
  const text = record.valueBase64 ?? detailText(record);
  const parts = [element('pre', { tabIndex: 0 }, shortened(text, DETAIL_CHARACTERS_MAX))];
  if (headers.length > 0) {
    const list = element('dl', { ariaLabel: 'Headers' });
    for (const { key, value: text, valueBase64: base64 } of headers) {
      list.append(element('dt', {}, key), element('dd', {}, text ?? base64 ?? 'null'));
    }
    parts.push(list);
  }
  return parts;
}

/** Shows a JSON value exactly as it was sent; a text unchanged. */
function sentText({ value, valueText }) {
  return typeof value === 'string' ? value : valueText;
}

/** Indents JSON on one line, which changes only white space. */
function detailText(record) {
  const text = sentText(record);
  const isOneLine = typeof record.value === 'object' && !/[\n\r]/.test(text);
  return isOneLine ? indented(text, DETAIL_CHARACTERS_MAX) : text;
}

function taggedText(tag, text) {
  const fragment = document.createDocumentFragment();
  fragment.append(
    element('span', { className: 'tag' }, tag),
    shortened(text, SUMMARY_CHARACTERS_MAX),
  );
  return fragment;
}

function shortened(text, charactersMax) {
  return text.length > charactersMax ? `${text.slice(0, charactersMax)}…` : text;
}

/** @param content a node, or text that becomes a text node */
export function element(name, properties = {}, content) {
  const created = document.createElement(name);
  for (const [property, value] of Object.entries(properties)) {
    if (property === 'role') created.setAttribute('role', value);
    else created[property] = value;
  }
  if (content !== undefined) created.append(content);
  return created;
}
