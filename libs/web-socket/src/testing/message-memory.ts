import { ProtocolError } from '#protocol';
import { MemoryBudget } from '#runtime';

/** Returns a budget of messages that refuses with the error that the gateway's budget has. */
export function messageMemory(bytesMax: number): MemoryBudget {
  return new MemoryBudget(
    bytesMax,
    () => new ProtocolError('BUFFER_EXHAUSTED', 'No memory for messages is left.'),
  );
}
