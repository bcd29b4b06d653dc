import type { Writable } from 'node:stream';

/**
 * Bytes of a connection that the system has not taken. `writableLength` counts a write until all of
 * it is taken, and a large one may take a slow reader hours: libuv knows the rest of it.
 */
export function unreceivedBytes(connection: Writable): number {
  const { _handle: handle, bytesWritten } = connection as Partial<HandledStream>;
  if (handle === undefined || handle === null || bytesWritten === undefined) {
    return connection.writableLength;
  }
  return handle.writeQueueSize + bytesWritten - handle.bytesWritten;
}

/** The internal handle of a Node socket, reduced to the members used here. */
interface HandledStream {
  readonly bytesWritten: number;
  readonly _handle: StreamHandle | null;
}

interface StreamHandle {
  readonly bytesWritten: number;
  /** Bytes left of the writes in progress. */
  readonly writeQueueSize: number;
}
