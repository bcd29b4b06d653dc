/**
 * A record whose value is a whole body: text, bytes, and the bodies of webhooks (`?body=value`).
 */
import { RECORD_VALUE_IS_JSON, type RecordSet } from '#protocol';
import type { SlicedWork } from '#runtime';
import { assertJson, assertJsonInSlices } from './json-text.js';
import { syntaxProblem } from './record-faults.js';

/** Members of the record that the query has. */
export interface RawRecordOptions {
  /** Stored as its UTF-8 bytes. */
  readonly key?: string | undefined;
  readonly partition?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly timestamp?: number | undefined;
  /**
   * True when the body was sent as JSON: it is checked, and returned as JSON, including white space
   * around it. `checked`: `assertLargeJson` has checked it.
   */
  readonly valueIsJson?: boolean | 'checked';
}

/**
 * Creates the record; its value is `body` byte for byte, even when empty.
 * @throws ProtocolError INVALID_REQUEST when the value should be JSON and is not
 */
export function rawRecord(body: Uint8Array, options: RawRecordOptions = {}): RecordSet {
  const { key, partition = -1, timestamp = -1, valueIsJson = false } = options;
  if (valueIsJson === true) {
    try {
      assertJson(body);
    } catch (error) {
      throw syntaxProblem(error, 'The body');
    }
  }
  const decoded = key === undefined ? NOTHING : Buffer.from(key);
  const keyStart = key === undefined ? -1 : body.length;
  const keyEnd = key === undefined ? -1 : body.length + decoded.length;
  const attributes = valueIsJson === false ? 0 : RECORD_VALUE_IS_JSON;
  return {
    source: body,
    decoded,
    count: 1,
    // The order is that of the FIELD_* constants: value, key, headers and their count, and so on.
    fields: [0, body.length, keyStart, keyEnd, 0, 0, 0, attributes, partition, timestamp],
  };
}

/**
 * Checks in slices that a body is JSON.
 * @throws ProtocolError INVALID_REQUEST
 */
export function* assertLargeJson(body: Uint8Array): SlicedWork<void> {
  try {
    yield* assertJsonInSlices(body);
  } catch (error) {
    throw syntaxProblem(error, 'The body');
  }
}

const NOTHING = Buffer.alloc(0);
