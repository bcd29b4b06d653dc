import type { SerializedRecord, StoredHeader } from '../../../producer/src/index.js';
import { base64Of } from '../base64.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Returns records as the JSON that produce accepts, so that they are read as they were written. */
export function recordsJson(records: readonly SerializedRecord[]): string {
  return `[${records.map(recordJson).join(',')}]`;
}

/** This is the hot path of a producer: it joins texts and makes no lists. */
function recordJson(record: SerializedRecord): string {
  const { headers, timestamp, deliverAt, delayMs } = record;
  let json = `{${valueMember(record)}${keyMember(record)}`;
  if (headers.length > 0) json += `,"headers":[${headers.map(headerJson).join(',')}]`;
  if (timestamp !== undefined) json += `,"timestamp":${timestamp}`;
  if (deliverAt !== undefined) json += `,"deliverAt":${deliverAt}`;
  if (delayMs !== undefined) json += `,"delayMs":${delayMs}`;
  return `${json}}`;
}

/** JSON travels as it is. Text would become JSON on its way, so it travels as its bytes. */
function valueMember({ value, valueEncoding }: SerializedRecord): string {
  if (value === null) return '"value":null';
  if (valueEncoding === 'json') return `"value":${decoder.decode(value)}`;
  return `"valueBase64":"${base64Of(value)}"`;
}

/** A string of JSON is stored as its text, without quotes: a key in JSON's quotes goes as bytes. */
function keyMember({ key, keyEncoding }: SerializedRecord): string {
  if (key === null) return '';
  const isString = key[0] === 0x22;
  if (keyEncoding === 'json' && !isString) return `,"key":${decoder.decode(key)}`;
  if (keyEncoding === 'text') return `,"key":${JSON.stringify(decoder.decode(key))}`;
  return `,"keyBase64":"${base64Of(key)}"`;
}

function headerJson({ key, value }: StoredHeader): string {
  const name = JSON.stringify(key);
  return value === null
    ? `{"key":${name},"value":null}`
    : `{"key":${name},"valueBase64":"${base64Of(value)}"}`;
}
