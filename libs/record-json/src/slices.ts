/**
 * Bounds of what is read in one slice: large bodies are read in steps between which the event loop
 * turns. Small bodies are read at once, by other code.
 */

/**
 * Bytes of JSON that one slice reads: a millisecond, and some twenty where every third byte is a
 * fault.
 */
export const SLICE_BYTES = 256 * 1024;

/** A body of JSON that is no longer than this is read at once. */
export const AT_ONCE_BYTES_MAX = 512 * 1024;
