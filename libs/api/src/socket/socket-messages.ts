/**
 * The table of all messages of a WebSocket. A message is a text frame,
 *
 *     {"event": "subscribe", "id"?: "1" or 1, "data": {...}}
 *
 * and an answer repeats the `id`.
 */
import type { Permission } from '../permission.js';
import type { DtoClass } from '../schema/members.js';
import {
  AcknowledgeDto,
  CommitDto,
  CreditDto,
  PingDto,
  ReleaseDto,
  SeekDto,
  UnsubscribeDto,
} from './control.dto.js';
import { PublishDto } from './publish.dto.js';
import {
  AssignedDto,
  CommittedDto,
  PongDto,
  PublishedDto,
  RecordsDto,
  ResetDto,
  RevokedDto,
  SocketErrorDto,
  SubscribedDto,
  UnsubscribedDto,
} from './server.dto.js';
import { SubscribeDto } from './subscribe.dto.js';

interface SocketMessage {
  /** Class of its `data`. */
  readonly data: DtoClass;
  readonly summary: string;
}

interface ClientMessage extends SocketMessage {
  /** Event of a successful answer; null: there is none. A failure is answered with `error`. */
  readonly answer: ServerEvent | null;
  /** All permissions that the client needs. */
  readonly needs: readonly [Permission, ...Permission[]];
  /** `queue`: a subscription in stream mode refuses the message. */
  readonly mode?: 'queue';
}

const READ_TOPIC = { resource: 'topic', operation: 'Read' } as const;
const READ_GROUP = { resource: 'group', operation: 'Read' } as const;
/** The subscription that a message is about has been permitted. */
const SUBSCRIBED = { resource: 'none' } as const;

/** Messages of clients, by event. */
export const CLIENT_MESSAGES = {
  subscribe: {
    data: SubscribeDto,
    answer: 'subscribed',
    needs: [READ_TOPIC],
    summary: 'Read topics from a position, or as a member of a group: `records` follow.',
  },
  credit: {
    data: CreditDto,
    answer: null,
    needs: [SUBSCRIBED],
    summary: 'Grant credit for further records.',
  },
  commit: {
    data: CommitDto,
    answer: 'committed',
    needs: [READ_GROUP, READ_TOPIC],
    summary: 'Commit offsets of a consumer group: all or none.',
  },
  release: {
    data: ReleaseDto,
    answer: null,
    needs: [SUBSCRIBED],
    summary: 'Release revoked partitions (subscriptions with `revokeAck`).',
  },
  seek: {
    data: SeekDto,
    answer: 'subscribed',
    needs: [SUBSCRIBED],
    summary:
      'Change the position in a partition: records after the answer are from the new position.',
  },
  publish: {
    data: PublishDto,
    answer: 'published',
    needs: [{ resource: 'topic', operation: 'Write' }],
    summary: 'Produce records.',
  },
  unsubscribe: {
    data: UnsubscribeDto,
    answer: 'unsubscribed',
    needs: [SUBSCRIBED],
    summary: 'End a subscription.',
  },
  ack: {
    data: AcknowledgeDto,
    answer: null,
    needs: [READ_GROUP, READ_TOPIC],
    mode: 'queue',
    summary: 'Acknowledge a processed record (queue mode).',
  },
  nack: {
    data: AcknowledgeDto,
    answer: null,
    needs: [READ_GROUP, READ_TOPIC],
    mode: 'queue',
    summary: 'Request redelivery of a record (queue mode).',
  },
  extend: {
    data: AcknowledgeDto,
    answer: null,
    needs: [READ_GROUP, READ_TOPIC],
    mode: 'queue',
    summary: 'Extend the time to process a record (queue mode).',
  },
  reject: {
    data: AcknowledgeDto,
    answer: null,
    needs: [READ_GROUP, READ_TOPIC],
    mode: 'queue',
    summary: 'Reject a record that cannot be processed (queue mode).',
  },
  ping: {
    data: PingDto,
    answer: 'pong',
    needs: [{ resource: 'none' }],
    summary: 'Check that the gateway responds.',
  },
} as const satisfies Record<string, ClientMessage>;

export type ClientEvent = keyof typeof CLIENT_MESSAGES;

/** Messages of the gateway, by event. */
export const SERVER_MESSAGES = {
  subscribed: { data: SubscribedDto, summary: 'The subscription has begun; its positions.' },
  committed: { data: CommittedDto, summary: 'The offsets are committed.' },
  published: { data: PublishedDto, summary: 'The records are written.' },
  unsubscribed: { data: UnsubscribedDto, summary: 'The subscription has ended.' },
  pong: { data: PongDto, summary: 'The answer to `ping`.' },
  records: { data: RecordsDto, summary: 'Records of one partition.' },
  assigned: { data: AssignedDto, summary: 'Partitions were added.' },
  revoked: { data: RevokedDto, summary: 'The group has assigned partitions to other members.' },
  reset: {
    data: ResetDto,
    summary:
      'A position was no longer in the log: reading continues according to `autoOffsetReset`.',
  },
  error: { data: SocketErrorDto, summary: 'The error of a message or a subscription.' },
} as const satisfies Record<string, SocketMessage>;

export type ServerEvent = keyof typeof SERVER_MESSAGES;

/** The events of clients that the gateway handles on their own: all but those of queue mode. */
export type HandledEvent = {
  [Event in ClientEvent]: (typeof CLIENT_MESSAGES)[Event] extends { readonly mode: 'queue' }
    ? never
    : Event;
}[ClientEvent];

/** The data of the answer to a client's message; undefined if there is no answer. */
export type AnswerData<Event extends ClientEvent> =
  (typeof CLIENT_MESSAGES)[Event]['answer'] extends infer Answer extends ServerEvent
    ? InstanceType<(typeof SERVER_MESSAGES)[Answer]['data']>
    : undefined;

/** The data of a client's message, checked. */
export type ClientData<Event extends ClientEvent> = InstanceType<
  (typeof CLIENT_MESSAGES)[Event]['data']
>;
