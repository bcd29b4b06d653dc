import type { IncomingMessage } from 'node:http';

const DRAIN_MS_MAX = 2000;

/**
 * Reads on and throws away, so that the client can finish sending and read its answer.
 * @param done called once: at the end of the body, or after so many bytes or 2 s, or when it broke off
 */
export function drainRequest(request: IncomingMessage, bytesMax: number, done: () => void): void {
  let drainedBytes = 0;
  const timer = setTimeout(end, DRAIN_MS_MAX);
  timer.unref();

  function end(): void {
    clearTimeout(timer);
    request.off('data', count).off('end', end).off('close', end);
    done();
  }

  function count(chunk: Buffer): void {
    drainedBytes += chunk.length;
    if (drainedBytes > bytesMax) end();
  }

  request.removeAllListeners('data');
  request.on('data', count).once('end', end).once('close', end);
  request.resume();
}
