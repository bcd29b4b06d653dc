import type { ClientEvent } from '#api';
import type { Message, SocketClient } from '../ws/socket-client.js';

/** The names that the messages of one case use. */
export interface SocketNames {
  /** The topic that the subscription reads. */
  readonly subscribed: string;
  /** The topic that the message is about. */
  readonly topic: string;
  readonly group: string;
}

/** One use of a WebSocket event. */
export interface SocketCase {
  /** Data of the subscription that the event is about; absent if it needs none. */
  readonly subscription?: (names: SocketNames) => object;
  readonly data: (names: SocketNames) => object;
  /** True if the subscription waits for a record before the message is sent. */
  readonly needsRecord?: true;
}

const SUBSCRIPTION = 's';
const OF_SUBSCRIPTION = { subscription: SUBSCRIPTION };

const reader = ({ subscribed }: SocketNames) => ({
  ...OF_SUBSCRIPTION,
  topic: subscribed,
  from: 'earliest',
});
const member = (names: SocketNames) => ({
  ...OF_SUBSCRIPTION,
  topic: names.subscribed,
  group: names.group,
  revokeAck: true,
});
const queueMember = (names: SocketNames) => ({
  ...OF_SUBSCRIPTION,
  topic: names.subscribed,
  group: names.group,
  mode: 'queue',
  autoOffsetReset: 'earliest',
  credit: 1,
});
const firstRecord = ({ topic }: SocketNames) => ({
  ...OF_SUBSCRIPTION,
  topic,
  partition: 0,
  offset: 0,
});
const acknowledgement: SocketCase = {
  subscription: queueMember,
  data: firstRecord,
  needsRecord: true,
};

/** One case for each event of clients: a new event without one does not compile. */
export const SOCKET_CASES = {
  authenticate: { data: () => ({ token: 'of the test' }) },
  subscribe: { data: reader },
  credit: { subscription: reader, data: () => ({ ...OF_SUBSCRIPTION, records: 1 }) },
  commit: {
    subscription: reader,
    data: ({ topic, group }) => ({
      ...OF_SUBSCRIPTION,
      group,
      offsets: [{ topic, partition: 0, offset: 0 }],
    }),
  },
  release: {
    subscription: member,
    data: ({ topic }) => ({ ...OF_SUBSCRIPTION, partitions: [{ topic, partition: 0 }] }),
  },
  seek: { subscription: reader, data: firstRecord },
  publish: { data: ({ topic }) => ({ topic, records: [{ value: 1 }] }) },
  unsubscribe: { subscription: reader, data: () => OF_SUBSCRIPTION },
  ack: acknowledgement,
  nack: acknowledgement,
  extend: acknowledgement,
  reject: acknowledgement,
  ping: { data: () => ({}) },
} as const satisfies Record<ClientEvent, SocketCase>;

/**
 * Plays the case of an event.
 * @returns the answers to its subscription, if it has one, and to the event
 */
export async function play(
  client: SocketClient,
  event: ClientEvent,
  names: SocketNames,
): Promise<readonly Message[]> {
  const { subscription, data, needsRecord }: SocketCase = SOCKET_CASES[event];
  const answers: Message[] = [];
  if (subscription !== undefined) {
    const subscribed = await client.request('subscribe', subscription(names));
    answers.push(subscribed);
    if (subscribed.event !== 'error' && needsRecord === true) {
      await client.recordsOf(SUBSCRIPTION, 1);
    }
  }
  const id = client.send(event, data(names));
  // Some events have no answer but errors: the answer to `ping` comes after it.
  await client.request('ping', {});
  const answer = client.messages.find((message) => message.id === id);
  return answer === undefined ? answers : [...answers, answer];
}
