/**
 * The examples of the AsyncAPI document. A test sends those of clients in this order over one
 * connection, on a topic `orders` of three partitions, and compares the answers with the examples.
 */
import { type ErrorCode, type Fault, type Outcome, ProtocolError } from '#protocol';
import { problemDocument } from '../problem/problem.js';
import { SOCKET_PATH } from '../socket/socket-address.js';
import { EXAMPLE_TOPIC_ID } from './example-parts.js';
import type { Frame, ServerExample, SocketExample } from './socket-example.js';

const TIMESTAMP = 1_750_000_000_000;
const START = [0, 1, 2].map((partition) => ({ topic: 'orders', partition, offset: 0 }));
const TOPIC_IDS = { orders: EXAMPLE_TOPIC_ID };
const ADA = { key: 'ada', value: { item: 'tea', n: 2 }, partition: 0, timestamp: TIMESTAMP };
const JOB = { subscription: 'jobs', topic: 'orders', partition: 0 };
const EXAMPLE_KEY = 'k3jq7m2xwz5anbcd.0pKcW3m1q6r0dE5jYzX2vB8nT4uHsAfLgQiOeRtYuIo';
const NO_SUCH_PARTITION = 'there is no partition 9, the topic has 3';
const NO_SUCH_SUBSCRIPTION = 'here is no subscription "nobody" on this connection';

export const SOCKET_EXAMPLES: readonly SocketExample[] = [
  {
    name: 'authenticate',
    summary: 'An API key; the answer is that of a gateway without authentication',
    message: { event: 'authenticate', id: '0', data: { token: EXAMPLE_KEY } },
    answer: {
      event: 'authenticated',
      id: '0',
      data: { principal: 'user:anonymous', expiresAt: null },
    },
  },
  {
    name: 'publish',
    summary: 'Two records: one with a key and headers, one whose value is not JSON',
    message: {
      event: 'publish',
      id: '1',
      data: {
        topic: 'orders',
        records: [
          { ...ADA, headers: [{ key: 'trace', value: '7f1c' }] },
          { valueBase64: '3q2+7w==', partition: 0, timestamp: TIMESTAMP },
        ],
      },
    },
    answer: {
      event: 'published',
      id: '1',
      data: {
        offsets: [
          { partition: 0, offset: 0, timestamp: TIMESTAMP },
          { partition: 0, offset: 1, timestamp: TIMESTAMP },
        ],
      },
    },
  },
  {
    name: 'publish-fault',
    summary: 'Nothing is written when any record has a fault',
    message: {
      event: 'publish',
      id: '3',
      data: { topic: 'orders', records: [{ value: 1, partition: 9 }] },
    },
    answer: problem('3', {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: `Nothing was written to topic "orders": ${NO_SUCH_PARTITION}.`,
      isWrite: true,
      faults: [{ pointer: '/data/records/0/partition', detail: NO_SUCH_PARTITION }],
    }),
  },
  {
    name: 'subscribe-earliest',
    summary: 'Subscribe to a topic from its first record',
    message: {
      event: 'subscribe',
      id: '4',
      data: { subscription: 'all', topic: 'orders', from: 'earliest' },
    },
    answer: {
      event: 'subscribed',
      id: '4',
      data: { subscription: 'all', positions: START, topicIds: TOPIC_IDS },
    },
  },
  {
    name: 'subscribe-resume',
    summary: 'Continue from given offsets, with a credit of 100 records',
    message: {
      event: 'subscribe',
      id: 5,
      data: {
        subscription: 'mine',
        topics: ['orders'],
        from: { offsets: [{ ...START[0], offset: 1, leaderEpoch: 0 }, START[1], START[2]] },
        autoOffsetReset: 'earliest',
        credit: 100,
      },
    },
    answer: {
      event: 'subscribed',
      id: 5,
      data: {
        subscription: 'mine',
        positions: [{ ...START[0], offset: 1 }, START[1], START[2]],
        topicIds: TOPIC_IDS,
      },
    },
  },
  {
    name: 'subscribe-by-partition',
    summary: 'Subscribe to one partition, with the short form of the position',
    message: {
      event: 'subscribe',
      id: '6',
      data: { subscription: 'second', topic: 'orders', partitions: [1], from: { '1': 0 } },
    },
    answer: {
      event: 'subscribed',
      id: '6',
      data: { subscription: 'second', positions: [START[1]], topicIds: TOPIC_IDS },
    },
  },
  {
    name: 'subscribe-unknown',
    summary: 'A topic that does not exist',
    message: { event: 'subscribe', id: '7', data: { subscription: 'none', topic: 'nowhere' } },
    answer: problem('7', {
      code: 'UNKNOWN_TOPIC_OR_PARTITION',
      detail: 'There is no topic "nowhere".',
      about: { subscription: 'none' },
    }),
  },
  {
    name: 'credit',
    summary: 'Grant credit for 50 more records',
    message: { event: 'credit', data: { subscription: 'mine', records: 50 } },
  },
  {
    name: 'seek',
    summary: 'Seek to the first record of a partition',
    message: {
      event: 'seek',
      id: '8',
      data: { subscription: 'mine', topic: 'orders', partition: 0, offset: 0 },
    },
    answer: {
      event: 'subscribed',
      id: '8',
      data: { subscription: 'mine', positions: [START[0]] },
    },
  },
  {
    name: 'commit',
    summary: 'Commit the next offset for the group `billing`',
    message: {
      event: 'commit',
      id: '9',
      data: {
        subscription: 'all',
        group: 'billing',
        offsets: [{ topic: 'orders', partition: 0, offset: 2 }],
      },
    },
    answer: {
      event: 'committed',
      id: '9',
      data: {
        subscription: 'all',
        group: 'billing',
        offsets: [{ topic: 'orders', partition: 0, offset: 2 }],
      },
    },
  },
  {
    name: 'subscribe-as-member',
    summary: 'Share the topic with the other members of the group `fulfilment`',
    message: {
      event: 'subscribe',
      id: '17',
      data: {
        subscription: 'work',
        topics: ['orders'],
        group: 'fulfilment',
        from: 'earliest',
        credit: 100,
        autoCommit: true,
        revokeAck: true,
      },
    },
    answer: { event: 'subscribed', id: '17', data: { subscription: 'work', positions: START } },
  },
  {
    name: 'commit-as-member',
    summary: 'Commit the next offset for the group of the subscription',
    message: {
      event: 'commit',
      id: '18',
      data: { subscription: 'work', offsets: [{ topic: 'orders', partition: 0, offset: 1 }] },
    },
    answer: {
      event: 'committed',
      id: '18',
      data: {
        subscription: 'work',
        group: 'fulfilment',
        offsets: [{ topic: 'orders', partition: 0, offset: 1 }],
      },
    },
  },
  {
    name: 'commit-of-another',
    summary: 'A partition that the group has assigned to another member',
    message: {
      event: 'commit',
      id: '19',
      data: { subscription: 'work', offsets: [{ topic: 'orders', partition: 7, offset: 1 }] },
    },
    answer: problem('19', {
      code: 'ILLEGAL_GENERATION',
      detail: 'This member does not own partition 7 of topic "orders". Nothing was committed.',
      about: { subscription: 'work' },
      isWrite: true,
    }),
  },
  {
    name: 'release',
    summary: 'Release a partition that was revoked; any other one stays',
    message: {
      event: 'release',
      data: { subscription: 'work', partitions: [{ topic: 'orders', partition: 2 }] },
    },
  },
  {
    name: 'publish-unacknowledged',
    summary: 'Publish without waiting for the disk: the offset stays unknown',
    message: {
      event: 'publish',
      id: '2',
      data: { topic: 'orders', acks: '0', partition: 0, records: [{ value: 'whatever' }] },
    },
    answer: { event: 'published', id: '2', data: { offsets: null } },
  },
  {
    name: 'subscribe-to-queue',
    summary: 'Work on the records of the topic together with others, on at most 4 at a time',
    message: {
      event: 'subscribe',
      id: '20',
      data: {
        subscription: 'jobs',
        topic: 'orders',
        group: 'packing',
        mode: 'queue',
        from: 'earliest',
        credit: 4,
        expiring: true,
        format: 'auto',
      },
    },
    answer: { event: 'subscribed', id: '20', data: { subscription: 'jobs', positions: START } },
  },
  queueExample('ack', '10', 'The record is done', { offset: 0, deliveryCount: 1 }),
  queueExample('extend', '12', 'More time for two records', { offsets: [1, 2] }),
  queueExample('reject', '13', 'This record can never be processed', {
    offset: 1,
    reason: 'no such customer',
  }),
  queueExample('nack', '11', 'Try again in a minute', { offset: 2, delayMs: 60_000 }),
  {
    name: 'ack-too-late',
    summary: 'The record is done already: there was no such delivery',
    message: {
      event: 'ack',
      id: '21',
      data: { ...JOB, offset: 0, deliveryCount: 2 },
    },
    answer: problem('21', {
      code: 'INVALID_RECORD_STATE',
      detail: 'The group is done with this record already (orders-0, 0).',
      about: { ...JOB, offset: 0 },
      isWrite: true,
      outcome: 'applied',
    }),
  },
  {
    name: 'ack-in-stream-mode',
    summary: 'Refused: the subscription is in stream mode',
    message: { event: 'ack', id: '22', data: { ...JOB, subscription: 'all', offset: 0 } },
    answer: problem('22', {
      code: 'INVALID_REQUEST',
      detail:
        'The subscription "all" is in stream mode, where records are not acknowledged one by ' +
        'one: "commit" stores the progress instead.',
      about: { subscription: 'all' },
    }),
  },
  {
    name: 'unsubscribe',
    summary: 'End a subscription',
    message: { event: 'unsubscribe', id: '14', data: { subscription: 'second' } },
    answer: { event: 'unsubscribed', id: '14', data: { subscription: 'second' } },
  },
  {
    name: 'unsubscribe-unknown',
    summary: 'A subscription that does not exist',
    message: { event: 'unsubscribe', id: '15', data: { subscription: 'nobody' } },
    answer: problem('15', {
      code: 'INVALID_REQUEST',
      detail: `T${NO_SUCH_SUBSCRIPTION}.`,
      about: { subscription: 'nobody' },
      faults: [{ pointer: '/data/subscription', detail: `t${NO_SUCH_SUBSCRIPTION}` }],
    }),
  },
  {
    name: 'ping',
    summary: 'Check that the gateway responds',
    message: { event: 'ping', id: '16' },
    answer: { event: 'pong', id: '16', data: {} },
  },
];

/** Frames that the gateway sends without a request on the connection of the examples above. */
export const SERVER_EXAMPLES: readonly ServerExample[] = [
  {
    name: 'records',
    summary: 'Two records of one partition',
    message: {
      event: 'records',
      data: {
        subscription: 'all',
        topic: 'orders',
        partition: 0,
        records: [
          {
            ...record(0),
            key: 'ada',
            value: ADA.value,
            headers: [{ key: 'trace', value: '7f1c' }],
          },
          { ...record(1), key: null, valueBase64: '3q2+7w==', headers: [] },
        ],
        highWatermark: 2,
        leaderEpoch: 0,
      },
    },
  },
  {
    name: 'expiring',
    summary: 'Nobody has acknowledged a record, and its lock ends soon',
    message: {
      event: 'expiring',
      data: {
        subscription: 'slow',
        topic: 'orders',
        partition: 0,
        offsets: [0],
        deadlineMs: 200,
      },
    },
  },
  {
    name: 'revoked',
    summary: 'Another member joined the group; the client has five minutes to release a partition',
    message: {
      event: 'revoked',
      data: {
        subscription: 'work',
        partitions: [{ topic: 'orders', partition: 2 }],
        deadlineMs: 300_000,
      },
    },
  },
  {
    name: 'assigned',
    summary: 'The topic was given a fourth partition',
    message: {
      event: 'assigned',
      data: { subscription: 'all', partitions: [{ topic: 'orders', partition: 3 }] },
    },
  },
  {
    name: 'reset',
    summary:
      'Records were deleted before they were read; reading continues at the first record left',
    message: {
      event: 'reset',
      data: {
        topic: 'orders',
        partition: 1,
        offset: 2,
        ...problemData({
          code: 'OFFSET_OUT_OF_RANGE',
          detail: 'Offset 0 is not in the log of partition 1 of topic "orders".',
          about: { subscription: 'late' },
          members: { logStartOffset: 2, highWatermark: 3 },
        }),
      },
    },
  },
  {
    name: 'deleted',
    summary: 'The topic was deleted, and the subscription with it',
    message: {
      event: 'error',
      data: problemData({
        code: 'UNKNOWN_TOPIC_OR_PARTITION',
        detail: 'The topic "orders" was deleted.',
        about: { subscription: 'all' },
        members: { topic: 'orders' },
      }),
    },
  },
];

interface QueueExampleData {
  readonly offset?: number;
  readonly offsets?: readonly number[];
  readonly [member: string]: unknown;
}

/** A message about records of the queue that is taken. */
function queueExample(
  event: 'ack' | 'nack' | 'extend' | 'reject',
  id: string,
  summary: string,
  data: QueueExampleData,
): SocketExample {
  const offsets = data.offsets ?? [data.offset];
  return {
    name: event,
    summary,
    message: { event, id, data: { ...JOB, ...data } },
    answer: { event: 'acked', id, data: { ...JOB, offsets } },
  };
}

interface ProblemParts {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly about?: { readonly subscription: string; readonly [member: string]: string | number };
  readonly outcome?: Outcome;
  readonly isWrite?: boolean;
  readonly faults?: readonly Fault[];
  readonly members?: Readonly<Record<string, string | number>>;
}

/** Builds an error answer the same way as the gateway. */
function problem(id: string, parts: ProblemParts): Frame<'error'> {
  return { event: 'error', id, data: problemData(parts) };
}

function problemData(parts: ProblemParts): object {
  const { code, detail, about, isWrite, faults = [], members = {}, outcome } = parts;
  const effect = outcome === undefined ? {} : { outcome };
  const error = new ProtocolError(code, detail, { faults, members, ...effect });
  return { ...about, ...problemDocument(error, SOCKET_PATH, { isWrite: isWrite ?? false }) };
}

function record(offset: number): object {
  return { topic: 'orders', partition: 0, offset, timestamp: TIMESTAMP };
}
