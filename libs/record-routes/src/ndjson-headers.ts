/**
 * Headers of an answer that is a stream of lines, as `writeHead` takes them. nginx buffers an
 * answer unless `X-Accel-Buffering` is `no`, whatever its own configuration is.
 */
export const NDJSON_STREAM_HEADERS: readonly string[] = [
  'Content-Type',
  'application/x-ndjson',
  'X-Accel-Buffering',
  'no',
];
