/**
 * A query parameter's text as a whole number. Anything else is left as it came, so that the check
 * that follows refuses it: an empty text, a fraction, a repeated parameter.
 */
export function wholeNumberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
}

/** A query parameter's text as a boolean, else as it came. */
export function booleanFromText(value: unknown): unknown {
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}
