const BEYOND_LATIN1 = /[\u{100}-\u{10ffff}]/u;
const HEADER_BYTES = 16;

/**
 * Bytes of heap that V8 uses for a text: one per code unit when all are Latin-1, otherwise two,
 * plus a header, rounded up to a word.
 */
export function textMemoryBytes(text: string): number {
  const bytes = BEYOND_LATIN1.test(text) ? 2 * text.length : text.length;
  return HEADER_BYTES + Math.ceil(bytes / 8) * 8;
}

/**
 * A copy of a text that shares no memory with the text it was cut from: V8 keeps a slice as a
 * reference into the whole text. Use it for a short text that outlives a long one.
 */
export function detachedText(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
