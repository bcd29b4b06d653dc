import { JsonScanner } from './json-scanner.js';

/** Thrown by a probe: to create an error with a position takes longer than to check most texts. */
export const NOT_JSON = new Error('the text is not JSON');

/**
 * A scanner that checks whether a text is JSON, and throws NOT_JSON without a position when it is
 * not.
 */
export class JsonProbe extends JsonScanner {
  override fail(): never {
    throw NOT_JSON;
  }

  protected override failUtf8(): never {
    throw NOT_JSON;
  }
}
