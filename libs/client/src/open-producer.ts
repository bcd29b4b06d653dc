import { Producer, type ProducerOptions } from '../../producer/src/index.js';
import type { ClientParts } from './client-parts.js';
import { assertObject } from './connection/checks.js';
import { PLATFORM_RUNTIME } from './producer/platform-runtime.js';

/** Makes a producer of a client. */
export function openProducer<K, V>(
  parts: ClientParts,
  options: ProducerOptions<K, V>,
): Producer<K, V> {
  parts.assertOpen();
  assertObject('producer', options);
  return parts.add((onEnd) => {
    // A producer closes its interceptors when it closes.
    const { interceptors: given = [] } = options;
    const interceptors = Array.isArray(given) ? [...given, { close: onEnd }] : given;
    return new Producer(
      async (pipeline) => {
        const [{ openPipeline }, socket] = await Promise.all([
          parts.load(() => import('./producer/open-pipeline.js')),
          parts.socket(),
        ]);
        return openPipeline(parts.endpoints, socket?.connection, pipeline);
      },
      PLATFORM_RUNTIME,
      { ...options, interceptors },
    );
  });
}
