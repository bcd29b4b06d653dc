import type { ClientParts } from './client-parts.js';
import type { LoadModule } from './connection/load-module.js';
import { loadedLater } from './connection/loaded-later.js';
import { Consumer, type OpenLink } from './consumer/consumer.js';
import type { GroupLink } from './consumer/group-link.js';
import { assertConsumerOptions, type ConsumerOptions, joinOf } from './consumer/options.js';
import type { SubscribeOptions } from './subscription/options.js';
import type { RecordSource } from './subscription/record-source.js';
import { type OpenSource, Subscription } from './subscription/subscription.js';

/** Loads the transports over HTTP, which pages with a WebSocket never need. */
const httpTransports = (parts: ClientParts): Promise<typeof import('./http-transports.js')> =>
  parts.load(() => import('./http-transports.js'));

/** Begins a subscription of a client. */
export function openSubscription<K, V>(
  parts: ClientParts,
  topics: string | readonly string[],
  options: SubscribeOptions<K, V>,
): Subscription<K, V> {
  parts.assertOpen();
  const open: OpenSource = (request, state) => {
    const load = async (): Promise<() => RecordSource> => {
      const socket = await parts.socket();
      if (socket !== undefined) return () => socket.source(request, state);
      const { EventStreamSource, httpTransport } = await httpTransports(parts);
      return () => new EventStreamSource(httpTransport(parts.endpoints), request, state);
    };
    return loadedLater(load(), ['read'], (error) => state.fail(error));
  };
  return parts.add((onEnd) => new Subscription(topics, options, open, onEnd));
}

/** Makes a client a member of a consumer group. */
export function openConsumer<K, V>(
  parts: ClientParts,
  options: ConsumerOptions<K, V>,
): Consumer<K, V> {
  parts.assertOpen();
  assertConsumerOptions(options);
  const { group, maxPollIntervalMs, assignor, bufferRecords = 1000 } = options;
  const join = { ...joinOf(options), maxPollIntervalMs, assignor };
  const open: OpenLink = ({ events, format, waiting }) => {
    const load = async (): Promise<() => GroupLink> => {
      const socket = await parts.socket();
      if (socket !== undefined) {
        const message = { ...join, group, revokeAck: true, format };
        return () => socket.member({ join: message, bufferRecords, waiting }, events);
      }
      const { HttpMember, httpTransport } = await httpTransports(parts);
      const { clientId } = parts.endpoints.options;
      const body = { ...join, clientId, autoCommit: false };
      const member = { group, join: body, bufferRecords, format, waiting };
      return () => new HttpMember({ ...httpTransport(parts.endpoints), ...member }, events);
    };
    const methods = ['commit', 'seek', 'release', 'read'] as const;
    return loadedLater(load(), methods, (error) => events.failed(error));
  };
  const load: LoadModule = (module) => parts.load(module);
  const make = (onEnd: () => void): Consumer<K, V> => new Consumer(options, { open, load, onEnd });
  return parts.add(make, options.signal);
}
