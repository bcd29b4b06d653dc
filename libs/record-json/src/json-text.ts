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
 * Checks that `bytes` are one JSON text, with white space around it or not.
 * @throws JsonSyntaxError
 */
export function assertJson(bytes: Uint8Array): void {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  scanner.assertUtf8();
  scanner.assertEnd(scanner.skipValue(scanner.skipWhitespace(0)));
}

/** True when `bytes` are one JSON text. Most that are none are recognised without an error. */
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

/** White space may be as long as the text, and so may be the way back to the start of a line. */
function* scanText(scanner: JsonScanner, bytes: Uint8Array): SlicedWork<void> {
  scanner.reset(bytes);
  scanner.assertUtf8();
  yield;
  const start = scanner.skipWhitespace(0);
  yield;
  yield* scanner.scanAhead(start);
  scanner.assertEnd(scanner.skipValue(start));
}
