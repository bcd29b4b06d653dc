import type { Writable } from 'node:stream';

/**
 * Bytes of a connection that the system has not taken. `writableLength` counts a write until all of
 * it was taken, and a large one may take a slow reader hours: libuv knows what is left of it.
 */
export function untakenBytes(connection: Writable): number {
  const { _handle: handle, bytesWritten } = connection as Partial<HandledStream>;
  if (handle === undefined || handle === null || bytesWritten === undefined) {
    return connection.writableLength;
  }
  return handle.writeQueueSize + bytesWritten - handle.bytesWritten;
}

/** A socket of Node, as far as it is looked at here. */
interface HandledStream {
  readonly bytesWritten: number;
  readonly _handle: StreamHandle | null;
}

interface StreamHandle {
  readonly bytesWritten: number;
  /** Bytes of writes under way that are left. */
  readonly writeQueueSize: number;
}
