import { expect, it } from 'vitest';
import { NO_ACCESS } from '#security';
import {
  type OpenSubscription,
  SocketSubscription,
  type SubscribedSocket,
} from './socket-subscription.js';

/** The parts of a connection that a subscription uses before it delivers. */
const SOCKET = {
  compresses: false,
  principal: 'key:alice',
  forget: () => undefined,
  sendError: () => undefined,
} as unknown as SubscribedSocket;

it('that loses its permission while it opens is closed, and reports the loss', async () => {
  const closings: boolean[] = [];
  const opened = {
    positions: () => [],
    close: (isBroken: boolean) => closings.push(isBroken),
  } as unknown as OpenSubscription;
  const subscription = new SocketSubscription('a', SOCKET);
  subscription.setReads({ topics: ['orders'], hasPattern: false, group: undefined });
  const opening = subscription.open(() => Promise.resolve(opened));
  subscription.recheck(NO_ACCESS);
  await expect(opening).rejects.toMatchObject({ code: 'CLUSTER_AUTHORIZATION_FAILED' });
  expect(closings).toEqual([false]);
});
