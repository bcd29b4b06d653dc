/** Checks of whole JSON texts. */

import type { SlicedWork } from '#runtime';
import { JsonProbe, NOT_JSON } from './json-probe.js';
import { JsonScanner } from './json-scanner.js';
import { isJsonLine } from './value-lines.js';

/** Checks like `assertJson`, in slices. */
export function* assertJsonInSlices(bytes: Uint8Array): SlicedWork<void> {
  yield* scanText(new JsonScanner(), bytes);
}

/**
 * Checks that `bytes` are one JSON text; white space may surround it.
 * @throws JsonSyntaxError
 */
export function assertJson(bytes: Uint8Array): void {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  scanner.assertUtf8();
  scanner.assertEnd(scanner.skipValue(scanner.skipWhitespace(0)));
}

/** True when `bytes` are one JSON text. Most other bytes are rejected without an exception. */
export function isJson(bytes: Uint8Array): boolean {
  return isJsonLine(bytes, 0, bytes.length, false);
}

/** Checks like `isJson`, in slices. */
export function* isJsonInSlices(bytes: Uint8Array): SlicedWork<boolean> {
  try {
    yield* scanText(new JsonProbe(), bytes);
    return true;
  } catch (error) {
    if (error === NOT_JSON) return false;
    throw error;
  }
}

/** Scans one JSON text. Each step may read the whole text, so a slice may end after each. */
function* scanText(scanner: JsonScanner, bytes: Uint8Array): SlicedWork<void> {
  scanner.reset(bytes);
  scanner.assertUtf8();
  yield;
  const start = scanner.skipWhitespace(0);
  yield;
  yield* scanner.scanAhead(start);
  scanner.assertEnd(scanner.skipValue(start));
}
