/** Whole texts of JSON. */

import type { SlicedWork } from '#runtime';
import { JsonScanner } from './json-scanner.js';
import { JsonSyntaxError } from './json-syntax-error.js';

/** As `assertJson`, in slices. */
export function* assertJsonInSlices(bytes: Uint8Array): SlicedWork<void> {
  const scanner = new JsonScanner();
  scanner.reset(bytes);
  scanner.assertUtf8();
  const start = scanner.skipWhitespace(0);
  yield* scanner.scanAhead(start);
  scanner.assertEnd(scanner.skipValue(start));
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

/** Whether `bytes` are one JSON text. */
export function isJson(bytes: Uint8Array): boolean {
  try {
    assertJson(bytes);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}

/** As `isJson`, in slices. */
export function* isJsonInSlices(bytes: Uint8Array): SlicedWork<boolean> {
  try {
    yield* assertJsonInSlices(bytes);
    return true;
  } catch (error) {
    if (error instanceof JsonSyntaxError) return false;
    throw error;
  }
}
