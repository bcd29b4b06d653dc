import { Producer, type ProducerOptions } from '../../producer/src/index.js';
import type { ClientParts } from './client-parts.js';
import { PLATFORM_RUNTIME } from './producer/platform-runtime.js';
import { HttpProduceTransport, SocketProduceTransport } from './producer/produce-transports.js';

/** Makes a producer of a client. */
export function openProducer<K, V>(
  parts: ClientParts,
  options: ProducerOptions<K, V>,
): Producer<K, V> {
  parts.assertOpen();
  const { http, connection } = parts;
  const transport =
    connection === undefined
      ? new HttpProduceTransport(http.caller)
      : new SocketProduceTransport(http.caller, connection);
  return parts.add((onEnd) => {
    // An interceptor is told when its producer closes.
    const interceptors = [...(options.interceptors ?? []), { close: onEnd }];
    return new Producer(transport, PLATFORM_RUNTIME, { ...options, interceptors });
  });
}
