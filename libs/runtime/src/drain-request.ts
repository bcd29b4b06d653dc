import type { IncomingMessage } from 'node:http';

/** Bounds on the bytes of an unwanted body that are read, and on the time. */
export interface DrainLimits {
  readonly bytesMax: number;
  readonly timeoutMs: number;
}

/**
 * Reads and discards a body, so that the client can finish sending and read its answer.
 * @param done called once: at the end of the body, at a limit, on failure, or by the returned
 *   function
 * @returns a function that ends the reading
 */
export function drainRequest(
  request: IncomingMessage,
  { bytesMax, timeoutMs }: DrainLimits,
  done: (isLate: boolean) => void,
): () => void {
  let drainedBytes = 0;
  let isDone = false;
  const timer = setTimeout(endLate, timeoutMs).unref();

  function end(): void {
    finish(false);
  }

  function endLate(): void {
    finish(true);
  }

  function finish(isLate: boolean): void {
    if (isDone) return;
    isDone = true;
    clearTimeout(timer);
    request.off('data', count).off('end', end).off('close', end);
    done(isLate);
  }

  function count(chunk: Buffer): void {
    drainedBytes += chunk.length;
    if (drainedBytes > bytesMax) end();
  }

  request.removeAllListeners('data');
  request.on('data', count).once('end', end).once('close', end);
  request.resume();
  return end;
}
