import { ProtocolError } from '#protocol';
import { MemoryBudget } from '#runtime';

/**
 * Returns the budget of the bytes of clients that the process holds: bodies, WebSocket messages,
 * lines, and the memory to decompress them.
 */
export function requestMemory(bytesMax: number): MemoryBudget {
  return new MemoryBudget(
    bytesMax,
    () =>
      new ProtocolError(
        'BUFFER_EXHAUSTED',
        `The bodies being read use all ${bytesMax} bytes of their memory ` +
          '(SLUICE_REQUEST_MEMORY_BYTES).',
      ),
  );
}
