import type { Endpoints } from '../connection/endpoints.js';
import { httpTransport, segment } from '../connection/http-caller.js';
import { loadModule } from '../connection/load-module.js';
import { loadedLater } from '../connection/loaded-later.js';
import type { SubscriptionTransport } from '../connection/socket-subscription.js';
import { joinOf, type QueueOptions } from '../consumer/options.js';
import type { QueueLink } from './queue-link.js';
import { type OpenQueueLink, QueueWorker } from './queue-worker.js';
import { SocketWorker } from './socket-worker.js';

interface GroupConfigsJson {
  readonly configs: Readonly<Record<string, unknown>>;
}

const LINK_METHODS = ['settle', 'room'] as const;

/** The connections of a client. */
export interface QueueConnections {
  readonly endpoints: Endpoints;
  /** Undefined: everything goes over HTTP. */
  readonly socket: SubscriptionTransport | undefined;
}

/**
 * Makes the worker of a queue. This module and what only queues need are loaded at the first queue.
 * @param closed aborted when the queue is closed
 */
export function openQueueWorker<K, V>(
  { endpoints, socket }: QueueConnections,
  options: QueueOptions<K, V>,
  closed: AbortSignal,
): QueueWorker<K, V> {
  const { group } = options;
  const http = httpTransport(endpoints);
  const join = { ...joinOf(options), mode: 'queue' };
  const overHttp: OpenQueueLink = ({ events, format, room }) => {
    const { clientId } = endpoints.options;
    const worker = { ...http, group, join: { ...join, clientId }, format, room };
    const loading = loadModule(endpoints, () => import('../http-transports.js')).then(
      ({ HttpWorker }) =>
        (): QueueLink =>
          new HttpWorker(worker, events),
    );
    return loadedLater(loading, LINK_METHODS, (error) => events.failed(error));
  };
  const overSocket: OpenQueueLink | undefined =
    socket &&
    (({ events, format, prefetch }) => {
      const message = { ...join, group, credit: prefetch, expiring: true, format };
      return new SocketWorker(socket, message, events);
    });
  const lockMs = async (): Promise<number> => {
    const path = `/v1/groups/${segment(group)}/configs`;
    const { configs } = await http.caller.json<GroupConfigsJson>({ method: 'GET', path });
    return Number(configs['share.record.lock.duration.ms']);
  };
  return new QueueWorker(
    options,
    { open: overSocket ?? overHttp, fallback: overSocket && overHttp, lockMs },
    closed,
  );
}
