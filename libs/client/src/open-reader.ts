import type { ClientParts } from './client-parts.js';
import type { LoadModule } from './connection/load-module.js';
import { loadedLater } from './connection/loaded-later.js';
import { Consumer, type OpenLink } from './consumer/consumer.js';
import type { GroupLink } from './consumer/group-link.js';
import { assertConsumerOptions, type ConsumerOptions, joinOf } from './consumer/options.js';
import { SocketMember } from './consumer/socket-member.js';
import type { SubscribeOptions } from './subscription/options.js';
import type { RecordSource } from './subscription/record-source.js';
import { SocketSource } from './subscription/socket-source.js';
import { type OpenSource, Subscription } from './subscription/subscription.js';

const LINK_METHODS = ['commit', 'seek', 'release', 'read', 'close'] as const;

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
    const socket = parts.socketTransport();
    if (socket !== undefined) return new SocketSource(socket, request, state);
    const source = httpTransports(parts).then(
      ({ EventStreamSource, httpTransport }) =>
        new EventStreamSource(httpTransport(parts.endpoints), request, state),
    );
    return loadedLater<RecordSource>(source, ['read', 'close'], (error) => state.fail(error));
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
    const socket = parts.socketTransport();
    if (socket !== undefined) {
      const message = { ...join, group, revokeAck: true, format };
      return new SocketMember(socket, { join: message, bufferRecords, waiting }, events);
    }
    const { clientId } = parts.endpoints.options;
    const body = { ...join, clientId, autoCommit: false };
    const member = { group, join: body, bufferRecords, format, waiting };
    const link = httpTransports(parts).then(
      ({ HttpMember, httpTransport }) =>
        new HttpMember({ ...httpTransport(parts.endpoints), ...member }, events),
    );
    return loadedLater<GroupLink>(link, LINK_METHODS, (error) => events.failed(error));
  };
  const load: LoadModule = (module) => parts.load(module);
  return parts.add((onEnd) => new Consumer(options, { open, load, onEnd }));
}
