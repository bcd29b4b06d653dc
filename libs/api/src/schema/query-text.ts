/**
 * Converts the text of a query parameter to a whole number. Anything else stays unchanged, so that
 * the following check refuses it: an empty text, a fraction, a repeated parameter.
 */
export function wholeNumberFromText(value: unknown): unknown {
  return typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : value;
}

/** Converts the text of a query parameter to a boolean; any other text stays unchanged. */
export function booleanFromText(value: unknown): unknown {
  if (value === 'true') return true;
  return value === 'false' ? false : value;
}
